"""The cold-start copy: a routing document in pieces, for gateways that start while no operator answers."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from plimsoll.errors import UserError
from plimsoll.routing.document import Document, Hosted, Model, Served, Version
from plimsoll.routing.encoding import UnreadableRouting, decode_document, encode

# A Secret takes 1 MiB in all.
LARGEST_PIECE = 900 * 1024
_ROOM_FOR_HEAD = 1024
_MAGIC = b"plimsoll-routing-copy "


class DamagedCopy(UserError):
    """Of such a copy nothing is used; the operator sends the document anew."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the copy of the routing document is damaged: {why}",
            fix="let the gateway reach the operator, which sends the document and writes a new copy; "
            "this one is set aside",
        )


class _Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the first line of a piece says. Pieces belong together when all but the number is the same."""

    version: Version
    digest: str  # SHA-256 of all pieces, joined
    pieces: int
    number: int  # from 0

    @property
    def whole(self) -> tuple[Version, str, int]:
        return (self.version, self.digest, self.pieces)


def without_pods(document: Document) -> Document:
    """Pods do not outlive a copy; a Service does, and it finds those of its day."""
    return replace(document, models={name: _by_service(model) for name, model in document.models.items()})


def pack(document: Document, largest: int = LARGEST_PIECE) -> tuple[bytes, ...]:
    """The same document gives the same bytes, so that nothing is written that has not changed."""
    body = zlib.compress(encode(document))
    room = largest - _ROOM_FOR_HEAD
    slices = [body[start : start + room] for start in range(0, len(body), room)]
    digest = hashlib.sha256(body).hexdigest()
    heads = (
        _Head(version=document.version, digest=digest, pieces=len(slices), number=number)
        for number in range(len(slices))
    )
    return tuple(_MAGIC + msgspec.json.encode(head) + b"\n" + piece for head, piece in zip(heads, slices, strict=True))


def unpack(pieces: Iterable[bytes]) -> Document | None:
    """The newest document that is there whole; None without any piece. Raises DamagedCopy and SchemaTooNew.

    Pieces are written one after another, so those of an older copy may lie between those of a newer one.
    """
    found: dict[tuple[Version, str, int], dict[int, bytes]] = {}
    troubles = []
    for piece in pieces:
        try:
            head, body = _read(piece)
        except DamagedCopy as trouble:
            troubles.append(trouble)
        else:
            found.setdefault(head.whole, {})[head.number] = body
    for whole in sorted(found, reverse=True):
        try:
            return _joined(whole, found[whole])
        except DamagedCopy as trouble:
            troubles.append(trouble)
    if troubles:
        raise troubles[0]
    return None


def _by_service(model: Model) -> Model:
    state = model.state
    if not isinstance(state, Served) or not isinstance(state.upstream, Hosted) or not state.upstream.endpoints:
        return model
    return replace(model, state=replace(state, upstream=replace(state.upstream, endpoints=())))


def _read(piece: bytes) -> tuple[_Head, bytes]:
    if not piece.startswith(_MAGIC):
        raise DamagedCopy("a piece of it begins like something else")
    line, _, body = piece.removeprefix(_MAGIC).partition(b"\n")
    try:
        return msgspec.json.decode(line, type=_Head), body
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedCopy(f"the first line of a piece: {error}") from None


def _joined(whole: tuple[Version, str, int], bodies: dict[int, bytes]) -> Document:
    version, digest, count = whole
    if sorted(bodies) != list(range(count)):
        raise DamagedCopy(f"{len(bodies)} of its {count} pieces are there")
    body = b"".join(bodies[number] for number in range(count))
    if hashlib.sha256(body).hexdigest() != digest:
        raise DamagedCopy("its checksum is another one")
    try:
        document = decode_document(zlib.decompress(body))
    except (zlib.error, UnreadableRouting) as error:
        raise DamagedCopy(str(error)) from None
    if document.version != version:
        raise DamagedCopy("its first lines name another version than it has")
    return document
