"""The sound of clips and films: read, mixed, levelled and encoded."""
