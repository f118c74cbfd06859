"""Routing documents and updates as bytes: JSON, read whole or not at all."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from plimsoll.errors import UserError
from plimsoll.routing.changes import Update, check_schema
from plimsoll.routing.document import Document

Message = Document | Update


class UnreadableRouting(UserError):
    """No routing document. What it says is not quoted: there are keys of providers in one."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"this is no routing document: {why}",
            fix="run operator and gateway in one version; what is in one: docs/decisions/0020-the-routing-document.md",
        )


class _Head(msgspec.Struct):
    """All that is read of a message before it is known that the rest can be."""

    schema: int


_ENCODER = msgspec.json.Encoder()
_HEADS = msgspec.json.Decoder(_Head)
_MESSAGES: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_DOCUMENTS = msgspec.json.Decoder(Document)


def encode(message: Message) -> bytes:
    return _ENCODER.encode(message)


def decode(data: bytes) -> Message:
    """Raises SchemaTooNew and UnreadableRouting."""
    return _read(data, _MESSAGES)


def decode_document(data: bytes) -> Document:
    """For a file that somebody wrote, too. Raises SchemaTooNew and UnreadableRouting."""
    return _read(data, _DOCUMENTS)


Read = TypeVar("Read")


def _read(data: bytes, decoder: msgspec.json.Decoder[Read]) -> Read:
    try:
        check_schema(_HEADS.decode(data).schema)
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableRouting(str(error)) from None
