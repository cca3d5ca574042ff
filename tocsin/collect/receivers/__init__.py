"""Plugs that others push to: one public class a file, found by name."""
