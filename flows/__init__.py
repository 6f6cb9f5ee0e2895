"""In what order, and the front door."""
