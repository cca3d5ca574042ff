"""Plugs that are read: one public class a file, found by name."""
