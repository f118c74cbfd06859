"""How a process and the one that it confines talk: a length, then as many bytes."""

from __future__ import annotations

import struct

HEAD = struct.Struct(">I")

# The first frame of a child, and the first byte of each answer.
HELLO = b"ready"
DONE = b"+"
REFUSED = b"-"


def framed(content: bytes) -> bytes:
    return HEAD.pack(len(content)) + content
