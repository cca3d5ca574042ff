"""Actions: one file each, found by name; what one promises stands in `tocsin.respond.actions`."""
