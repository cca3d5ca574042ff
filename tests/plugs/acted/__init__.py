"""Worlds for the suite of actions: one module for each group of them, found by name."""
