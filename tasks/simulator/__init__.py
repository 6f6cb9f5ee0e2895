"""Their end of the wire: a vendor on this machine that renders real moving pictures."""
