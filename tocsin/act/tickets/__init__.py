"""Plugs for systems of tickets, one public class a file; found by name."""
