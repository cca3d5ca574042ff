"""Measurements that anyone can repeat: `make benchmark`."""
