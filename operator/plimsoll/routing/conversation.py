"""What operator and gateway say to each other beside the document, and how long each waits for the other."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from plimsoll.errors import UserError
from plimsoll.routing.document import Version
from plimsoll.routing.entry import Entry

# Where the operator is asked for the document, and for whom the token that is shown there has to be meant.
PATH = "/routing"
AUDIENCE = "plimsoll-routing"
PORT = 8443

# All in seconds. How often the operator pings, and after which time without any word the other one is taken for dead.
HEARTBEAT = 5.0
SILENCE = 15.0
LOAD_EVERY = 1.0
# Of one message of a gateway. 2,000 models with the longest names have room in it.
LARGEST_FROM_GATEWAY = 512 * 1024
# Of one message of the operator: the document with every prompt in it is much smaller.
LARGEST_FROM_OPERATOR = 256 * 1024 * 1024

Count = Annotated[int, Meta(ge=0)]


class ModelLoad(Entry, frozen=True, kw_only=True):
    """Calls of one gateway for one model, now."""

    running: Count = 0
    # For a limit whose owner lets calls wait.
    waiting: Count = 0


class Load(Entry, frozen=True, kw_only=True, tag="load", tag_field="message"):
    """Who is not named has no calls."""

    models: dict[str, ModelLoad]  # by namespace/name
    # Of the document that calls go by; None before the first.
    serves: Version | None = None


class Again(Entry, frozen=True, kw_only=True, tag="again", tag_field="message"):
    """Send the whole document: something was missed."""


FromGateway = Load | Again


class UnreadableWord(UserError):
    """A gateway has said what no gateway says."""

    def __init__(self, why: str) -> None:
        super().__init__(f"this is nothing that a gateway says: {why}", fix="run operator and gateway in one version")


_ENCODER = msgspec.json.Encoder()
_WORDS: msgspec.json.Decoder[FromGateway] = msgspec.json.Decoder(FromGateway)


def say(word: FromGateway) -> bytes:
    return _ENCODER.encode(word)


def hear(data: bytes | str) -> FromGateway:
    """Raises UnreadableWord."""
    try:
        return _WORDS.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableWord(str(error)) from None
