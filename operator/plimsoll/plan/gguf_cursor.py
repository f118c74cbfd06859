"""A position in the first bytes of a GGUF file, which moves forward only and never past what is there."""

from __future__ import annotations

import struct

from plimsoll.errors import UserError

FIRST_READ = 1 << 20
LARGEST_HEADER = 64 << 20
LARGEST_FILE = 1 << 46
# Vocabulary and merges of the largest models are below a million together; each one costs a step.
MOST_STRINGS = 4_000_000

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class BadHeader(UserError):
    """The header is damaged, incomplete or hostile; the message says where."""

    def __init__(self, message: str, *, fix: str = "fetch the file again, or take it from another source") -> None:
        super().__init__(message, fix=fix)


class PastTheEnd(Exception):
    """More bytes are needed than were given; the file may have them."""

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


class Cursor:
    def __init__(self, data: bytes, file_size: int | None) -> None:
        self.data = data
        self.at = 0
        self._strings_left = MOST_STRINGS
        self._end = min(LARGEST_HEADER, LARGEST_FILE if file_size is None else file_size)
        self._file_size = file_size

    def take(self, count: int, what: str) -> int:
        """Moves over `count` bytes and says where they began."""
        begin = self.at
        self._reach(begin + count, what)
        self.at = begin + count
        return begin

    def u32(self, what: str) -> int:
        value: int = _U32.unpack_from(self.data, self.take(4, what))[0]
        return value

    def u64(self, what: str) -> int:
        value: int = _U64.unpack_from(self.data, self.take(8, what))[0]
        return value

    def count(self, most: int, what: str) -> int:
        value = self.u64(what)
        if value > most:
            raise BadHeader(f"{what} is {value:,}, and no real file has more than {most:,}")
        return value

    def name(self, longest: int, what: str) -> str:
        length = self.count(longest, f"the length of {what}")
        begin = self.take(length, what)
        try:
            text = self.data[begin : begin + length].decode()
        except UnicodeDecodeError:
            raise BadHeader(f"{what} is not valid UTF-8") from None
        if not text or not text.isprintable():
            raise BadHeader(f"{what} is empty or holds characters that cannot be printed: {text[:40]!r}")
        return text

    def skip_strings(self, count: int, what: str) -> None:
        """Moves over so many strings without keeping any: token lists are most of a header."""
        self._strings_left -= count
        if self._strings_left < 0:
            raise BadHeader(f"{what} has {count:,} texts, and no real file has more than {MOST_STRINGS:,} in all")
        # Each has at least its length: said at once, so that a huge count is not found out read by read.
        self._reach(self.at + 8 * count, what)
        data, at, last = self.data, self.at, len(self.data) - 8
        length_at = _U64.unpack_from
        for _ in range(count):
            if at > last:
                self._reach(at + 8, what)
            at += 8 + length_at(data, at)[0]
        self._reach(at, what)
        self.at = at

    def _reach(self, position: int, what: str) -> None:
        if position <= len(self.data):
            return
        if position > self._end:
            raise self._beyond(position, what)
        raise PastTheEnd(position)

    def _beyond(self, position: int, what: str) -> BadHeader:
        if self._file_size is not None and position > self._file_size:
            return BadHeader(
                f"{what} reaches byte {position:,}, but the file ends at {self._file_size:,}: it is cut or damaged"
            )
        return BadHeader(
            f"{what} reaches byte {position:,}, and no real header is longer than {LARGEST_HEADER:,} bytes"
        )
