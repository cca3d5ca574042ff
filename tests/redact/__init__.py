"""Tests of the room that takes secrets out."""
