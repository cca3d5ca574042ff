"""Plugs that read text formats: one public class a file, found by the name in `reader:`."""
