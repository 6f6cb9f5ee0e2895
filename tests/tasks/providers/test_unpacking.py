"""Bodies that were compressed on the way: unpacked in small pieces, or not at all."""

import gzip
import zlib

import pytest

from tasks.providers.http_bodies import DecompressionError, Decompressor


def unpack(encoding, *chunks):
    """All that an unpacker makes of the chunks, in pieces, and whether it is whole."""
    unpacker = Decompressor(encoding)
    return [piece for chunk in chunks for piece in unpacker.decompress(chunk)], unpacker.is_complete


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("", b"words"),
        ("identity", b"words"),
        ("gzip", gzip.compress(b"words", mtime=0)),
        ("X-GZIP", gzip.compress(b"words", mtime=0)),
        ("deflate", zlib.compress(b"words")),
    ],
)
def test_what_gateways_send_is_unpacked(encoding, packed):
    """Also where it comes byte by byte."""
    pieces, whole = unpack(encoding, *(packed[at : at + 1] for at in range(len(packed))))

    assert (b"".join(pieces), whole) == (b"words", True)


def test_a_bomb_comes_in_pieces_that_fit():
    """A megabyte that unpacks to a gigabyte is never in memory at once."""
    bomb = gzip.compress(bytes(64_000_000))

    assert max(map(len, unpack("gzip", bomb)[0])) <= 1 << 16


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "gzip\t,deflate", "x"])
def test_no_other_way_of_packing_is_tried(encoding):
    """Least of all several on top of each other."""
    with pytest.raises(DecompressionError):
        Decompressor(encoding)


def test_damage_and_a_cut_are_seen():
    """Half a body is none."""
    packed = gzip.compress(bytes(range(256)) * 40)

    assert not unpack("gzip", packed[:-20])[1]
    with pytest.raises(DecompressionError):
        unpack("gzip", b"no gzip at all")
