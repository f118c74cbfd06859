"""What a request is answered with: the words, and everything that may be wrong with them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

WORDS = ("Ahoy", ",", " the", " ship", " is", " in", " the", " harbour")
# Before anything is said, not even the status.
HEAD = -1
# After the last event of a stream, before the last bytes of HTTP.
TAIL = 1 << 20


class Trouble(StrEnum):
    """What goes wrong; with an answer in one piece all of them but ERROR come after half of its body."""

    RESET = "reset"  # the connection breaks
    CLOSE = "close"  # it is closed in the middle, as by a process that has ended
    HALF_CLOSE = "half_close"  # nothing more will come, and the upstream still listens
    STALL = "stall"  # nothing more comes, until the caller leaves
    ERROR = "error"  # an error in the upstream's own shape; `at` 0 makes it the first thing inside of a 200
    EARLY_END = "early_end"  # the answer ends as HTTP wants it, without a reason to finish and without a last event
    NO_DONE = "no_done"  # everything is there but the last event, [DONE]; wherever `at` is
    BROKEN_JSON = "broken_json"  # an event that is half of one, and the stream goes on
    NOT_TEXT = "not_text"  # an event with bytes that are no UTF-8, and the stream goes on
    NOT_HTTP = "not_http"  # with `at` HEAD: bytes that no HTTP server sends


class Script(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plain, right answer, unless something else is said."""

    # Each word is one token and, in a stream, one event. What the request allows at most cuts them short.
    words: tuple[str, ...] = WORDS
    # The name of a function: the words are then pieces of its arguments.
    call: str | None = None
    # Tokens that are thought before the first word and never shown.
    reasoning: int = 0
    prompt_tokens: int = 11
    cached_tokens: int = 0

    # Another status than 200 is answered with an error in the shape of the upstream, or with `body`.
    status: int = 200
    message: str = "the test says so"
    headers: tuple[tuple[str, str], ...] = ()
    # Said as it is, in place of whatever would have been made.
    body: bytes | None = None
    content_type: str | None = None

    usage: Literal["asked", "always", "never"] = "asked"
    # What the usage says in place of the truth, field by field; the upstream's own counters stay right.
    lie: dict[str, Any] = {}

    trouble: Trouble | None = None
    # How many words have been said by then.
    at: int = 0

    # Before the word of this number, the HEAD or the TAIL, the upstream waits until the test says `let`.
    holds: dict[int, str] = {}
    # Seconds between words, for load.
    pace: float = 0.0

    # How events come over the wire: in pieces of so many bytes, with the other kind of line end, with comments between.
    slices: int = 0
    crlf: bool = False
    comments: bool = False

    def __post_init__(self) -> None:
        if self.trouble is None:
            return
        assert self.trouble is not Trouble.NOT_HTTP or self.at == HEAD, "bytes that are no HTTP come first"
        assert self.trouble in _AT_ONCE or self.at != HEAD, f"{self.trouble} needs a status before it"
        assert self.at <= len(self.words), f"the trouble comes after word {self.at} of {len(self.words)}"


_AT_ONCE = (Trouble.RESET, Trouble.CLOSE, Trouble.HALF_CLOSE, Trouble.STALL, Trouble.NOT_HTTP)
