"""What the store remembers: where each shot stands, its takes, what is stale, what is locked."""
