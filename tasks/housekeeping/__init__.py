"""Is the store whole, what may go from it, and which jobs are taken back."""
