"""One file per wire format, written from that vendor's own page."""
