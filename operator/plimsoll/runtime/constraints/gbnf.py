r"""GBNF made plain for llguidance's converter, which misreads `\u` and `\U` and takes `.` for "all but a line end"."""

from __future__ import annotations

import re

_TOKENS = re.compile(
    r"""
      (?P<comment>\#[^\r\n]*)
    | (?P<literal>"(?:[^"\\\r\n]|\\.)*")
    | (?P<letters>\[(?:[^\]\\]|\\.)*\])
    | (?P<any>\.)
    | (?P<token>!?<[^>\s]*>)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|.)", re.DOTALL)
_EVERY_LETTER = "[\\x00-\U0010ffff]"
_SPECIAL = frozenset('"\\[]^-/')


class Unsupported(ValueError):
    """A piece of GBNF that is not understood here."""


def plain(text: str) -> str:
    return _TOKENS.sub(_plain_token, text)


def _plain_token(found: re.Match[str]) -> str:
    if found["token"] is not None:
        raise Unsupported(f"tokens such as {found['token'][:40]} are not supported, only text")
    if found["any"] is not None:
        return _EVERY_LETTER
    if found["comment"] is not None:
        return ""
    return _ESCAPE.sub(_plain_escape, found[0])


def _plain_escape(found: re.Match[str]) -> str:
    digits = found[1] or found[2] or found[3]
    if digits is None:
        return found[0]
    code = int(digits, 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise Unsupported(f"{found[0]} is no character")
    letter = chr(code)
    return letter if letter.isprintable() and letter not in _SPECIAL else _escaped(code, letter)


def _escaped(code: int, letter: str) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    # Where they stood as they are, they would end a rule.
    return f"\\u{code:04x}" if letter in "\u2028\u2029" else letter
