"""How each thing is done: orders, money, pictures, both ends of the wire. Never in what order."""
