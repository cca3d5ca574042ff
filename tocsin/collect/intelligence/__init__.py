"""Plugs that pull indicators; one public class a file, found by name. They reach out by `Fetch`."""
