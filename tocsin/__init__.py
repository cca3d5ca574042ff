"""Tocsin: an open, self-hosted cloud security monitor."""

__version__ = "0.1.0"
