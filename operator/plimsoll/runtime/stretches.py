"""Texts in pieces that llama.cpp survives.

Most tokenisers cut a text by regular expressions first, and the C++ library takes hundreds of bytes of stack for each
letter of a match: some ten thousand letters without a break end the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# A match can be a stretch of letters with the blanks beside it: together a quarter of what 8 MiB of stack take.
LONGEST = 2048
# So many words and blanks at a time, because whoever matches lets no other thread of Python go on.
_AT_ONCE = 4096
_SHORT = re.compile(
    rf"(?:[^ \t\r\n]{{1,{LONGEST}}}+(?![^ \t\r\n])|[ \t\r\n]{{1,{LONGEST}}}+(?![ \t\r\n])){{1,{_AT_ONCE}}}+"
)
# Tokens end before a mark that follows a letter, so that a cut there changes nothing.
_BEFORE_A_MARK = re.compile(r".*\w(?=\W)", re.DOTALL)


def pieces(text: str) -> Iterator[str]:
    """The whole text, unless it goes on for more than LONGEST characters without a blank, or in blanks."""
    begin = 0
    while begin < len(text):
        end = _end_of_short(text, begin)
        if end < len(text):
            found = _BEFORE_A_MARK.match(text, end, end + LONGEST)
            end = end + LONGEST if found is None else found.end()
        yield text[begin:end]
        begin = end


def _end_of_short(text: str, begin: int) -> int:
    end = begin
    while (found := _SHORT.match(text, end)) is not None:
        end = found.end()
    return end
