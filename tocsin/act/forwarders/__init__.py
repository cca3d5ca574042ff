"""Forwarders, one file each, found by name. They know nothing of each other."""
