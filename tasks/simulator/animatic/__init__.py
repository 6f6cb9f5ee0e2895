"""How the simulator's pictures are drawn: light, land, camera, words on the slate, and sound.

Everything here is decided by the request alone, so that the same request gives the same clip.
"""
