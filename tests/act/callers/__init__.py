"""Callers over HTTP, against stand-ins on loopback."""
