"""Callers: one file for each provider, with its own frozen settings; found by name."""
