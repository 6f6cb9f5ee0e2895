"""How results are printed: text, JSON, the live display."""
