"""Measures of a clip for `shotchain qc`, and their plot."""
