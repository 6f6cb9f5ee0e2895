"""Bodies of requests and responses: encoding, and decompression within limits."""

import gzip
import zlib

import httpx
import pytest

from tasks.providers.http_bodies import DecompressionError, Decompressor, build_body
from tasks.providers.types import ApiCall, FormPart


def decompress(encoding, *chunks):
    """Return the pieces of a body and whether it is complete."""
    decompressor = Decompressor(encoding)
    pieces = [piece for chunk in chunks for piece in decompressor.decompress(chunk)]
    return pieces, decompressor.is_complete


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", b"words"),
        ("identity", b"words"),
        ("gzip", gzip.compress(b"words", mtime=0)),
        ("X-GZIP", gzip.compress(b"words", mtime=0)),
        ("deflate", zlib.compress(b"words")),
    ],
)
def test_decompress_supports_common_encodings(encoding, body):
    """Also if the body arrives byte by byte."""
    pieces, is_complete = decompress(encoding, *(body[at : at + 1] for at in range(len(body))))

    assert (b"".join(pieces), is_complete) == (b"words", True)


def test_decompress_bomb_yields_bounded_pieces():
    """A megabyte that decompresses to a gigabyte is never in memory at once."""
    bomb = gzip.compress(bytes(64_000_000))

    pieces, _ = decompress("gzip", bomb)

    assert max(map(len, pieces)) <= 1 << 16


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "gzip\t,deflate", "x"])
def test_decompress_rejects_other_encodings(encoding):
    """Several encodings on top of each other are rejected as well."""
    with pytest.raises(DecompressionError):
        Decompressor(encoding)


def test_decompress_detects_damage_and_cut():
    """A truncated body is not complete, and a body that is not gzip raises."""
    body = gzip.compress(bytes(range(256)) * 40)

    assert not decompress("gzip", body[:-20])[1]
    with pytest.raises(DecompressionError):
        decompress("gzip", b"not gzip at all")


def test_form_without_file_is_multipart():
    """The vendor's pages show a multipart form even without an image."""
    call = ApiCall("POST", "/videos", parts=(FormPart("prompt", b"Rain."),))

    request = httpx.Request("POST", "https://vendor.example", **build_body(call))

    content_type, _, boundary = request.headers["content-type"].partition("; boundary=")
    assert content_type == "multipart/form-data"
    assert (
        request.read()
        == (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="prompt"\r\n\r\nRain.\r\n'
            f"--{boundary}--\r\n"
        ).encode()
    )
