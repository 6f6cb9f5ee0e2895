"""The names of the files under a simulator's root. Only such names are read, written or removed."""

from __future__ import annotations

import re

FILE_SUFFIXES = ("mp4", "mov", "png")

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")

_FILE = re.compile(rf"[A-Za-z0-9_-]+\.(?:{'|'.join(FILE_SUFFIXES)})")
_INPUT = re.compile(r"[0-9a-f]{64}")

RECORD_PATTERN = re.compile(rf"{JOB_ID.pattern}\.json")
RECORD_STAGING_PATTERN = re.compile(rf"\.{RECORD_PATTERN.pattern}\.[0-9a-f]{{8}}")
FILE_PATTERN = _FILE
FILE_STAGING_PATTERN = re.compile(
    rf"\.(?:[0-9a-f]{{8}}\.{_FILE.pattern}|{_FILE.pattern}\.[0-9a-f]{{8}})"
)
INPUT_PATTERN = re.compile(rf"{_INPUT.pattern}|\.{_INPUT.pattern}\.[0-9a-f]{{8}}")
"""Stored inputs, and inputs that are being written."""

LOCK_PATTERN = re.compile(rf"{JOB_ID.pattern}\.lock")


def is_file_name(name: str) -> bool:
    """Return True if a job's file could have that name. No other name becomes a path."""
    return _FILE.fullmatch(name) is not None


def is_input_name(name: str) -> bool:
    """Return True if a stored input could have that name. No other name becomes a path."""
    return _INPUT.fullmatch(name) is not None
