"""Words of others, made fit to be told: printable, bounded, and without what looks like a secret."""

from __future__ import annotations

import re

LONGEST_QUOTE = 1000
_LAST_LINES = 3
_MOST_READ = 16_384
_HIDDEN = "…"
_NAMES = r"(?:token|password|passwd|secret|api_?key|signature|authorization)"
_SECRETS = (
    # Who asks, and the query: signed addresses carry their signature there.
    (re.compile(r"\b([a-z][a-z0-9+.-]{0,15}://)[^/\s@\"']{1,500}@", re.IGNORECASE), r"\1"),
    (re.compile(r"\b([a-z][a-z0-9+.-]{0,15}://[^\s?\"']{1,2000})\?[^\s\"']*", re.IGNORECASE), rf"\1?{_HIDDEN}"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    (re.compile(rf"({_NAMES}[\"']?\s*=\s*[\"']?)[^\s\"',&]+", re.IGNORECASE), rf"\1{_HIDDEN}"),
    # "token: unexpected status" is what a registry says of itself; a value in quotes or with a digit is one.
    (re.compile(rf"({_NAMES}[\"']?\s*:\s*[\"'])[^\"']+", re.IGNORECASE), rf"\1{_HIDDEN}"),
    (re.compile(rf"({_NAMES}\s*:\s*)(?=[^\s\"',]{{0,200}}\d)[^\s\"',]{{6,}}", re.IGNORECASE), rf"\1{_HIDDEN}"),
    (re.compile(r"\b(hf_|sk-|plm_|ghp_|github_pat_|glpat-|AKIA|ASIA|eyJ)[\w.-]{8,}"), rf"\1{_HIDDEN}"),
)


def quoted(text: str, longest: int = LONGEST_QUOTE) -> str:
    """On one line, cut at its end."""
    words = _told(text[:_MOST_READ])
    return words if len(words) <= longest else f"{words[: longest - 1]}{_HIDDEN}"


def last_words(text: str, longest: int = LONGEST_QUOTE) -> str:
    """The last lines that say something, cut at the beginning: the end of a log has the error."""
    lines = [told for line in text[-_MOST_READ:].splitlines() if (told := _told(line))]
    words = " | ".join(lines[-_LAST_LINES:])
    return words if len(words) <= longest else f"{_HIDDEN}{words[1 - longest :]}"


def _told(text: str) -> str:
    words = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    for secret, hidden in _SECRETS:
        words = secret.sub(hidden, words)
    return words
