"""A body that was compressed on the way, unpacked in small pieces. No HTTP.

We ask for plain bodies, and some gateways compress all the same. A few bytes may unpack to
gigabytes, so no piece is larger than 64 kB, and the reader stops where it has enough.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_PIECE_BYTES = 1 << 16
_PLAIN = ("", "identity")
_PACKED = ("gzip", "x-gzip", "deflate")

# Both wrappings of deflate, told by their first bytes.
_ANY_WRAPPING = 32 + zlib.MAX_WBITS


class Packed(Exception):
    """A body that can't be unpacked; says why in a few words."""


class Unpacker:
    """Unpacks one body. Raises Packed for an encoding that was not asked for and is not known."""

    def __init__(self, encoding: str) -> None:
        word = encoding.strip().lower()
        if word not in (*_PLAIN, *_PACKED):
            # Several on top of each other are a bomb and nothing else.
            msg = "its body is packed in a way that was not asked for"
            raise Packed(msg)
        self._unpack = None if word in _PLAIN else zlib.decompressobj(_ANY_WRAPPING)
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The bytes that a chunk brings, in pieces. Raises Packed where it is damaged."""
        if self._unpack is None:
            yield chunk
            return
        while chunk and not self._unpack.eof:
            try:
                piece = self._unpack.decompress(chunk, _PIECE_BYTES)
            except zlib.error as error:
                msg = "its body is packed and damaged"
                raise Packed(msg) from error
            chunk = self._unpack.unconsumed_tail
            self._begun = True
            if piece:
                yield piece

    @property
    def whole(self) -> bool:
        """Whether the body came to its own end."""
        return self._unpack is None or self._unpack.eof or not self._begun
