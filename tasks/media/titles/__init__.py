"""Text and pictures over a film: titles, small print, cards and captions."""
