"""One shot from the intent to its clip; the only room that has a job made."""
