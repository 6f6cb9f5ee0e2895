"""How each thing is done. Orders, money, pictures and both ends of the wire; never in what order."""
