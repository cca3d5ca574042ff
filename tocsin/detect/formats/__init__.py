"""Rule formats: each file turns text of one kind into rules."""
