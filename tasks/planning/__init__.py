"""Turn a board into a plan: inputs, requests, prompts, keys and prices. Writes nothing."""

from __future__ import annotations
