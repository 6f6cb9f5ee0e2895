"""Everything on disk: receipts, takes, films, locks, and the state of a board."""
