"""Plugs that open what enrichment knows of addresses; one public class a file, found by name."""
