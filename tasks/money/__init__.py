"""Sums of money, what is booked, and the walls that no submit may pass."""
