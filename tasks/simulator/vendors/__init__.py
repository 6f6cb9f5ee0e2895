"""The vendors' wire formats, each written from that vendor's own pages."""
