"""One file per wire format, written from that vendor's own page; `sora_order` reads for `sora`."""
