"""The copy for gateways that start while no operator answers: Secrets that are written when they say something new."""

from __future__ import annotations

import asyncio
import base64
import logging
from contextlib import suppress

from msgspec.structs import replace

from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import ClusterError, NotFound
from plimsoll.cluster.kinds import SECRET, Object
from plimsoll.controller.at_home import at_home, encoded
from plimsoll.controller.routing_table import RoutingTable
from plimsoll.errors import UserError
from plimsoll.routing.copies import pack, unpack, without_pods
from plimsoll.routing.document import Document

_log = logging.getLogger(__name__)

PIECE_KEY = "piece"
# Gateways mount so many by their names.
MOST_PIECES = 8
_EVERY_SECONDS = 10.0
# What somebody has deleted or damaged is found so soon.
_LOOK_SECONDS = 300.0


class Copying:
    """Used under the lease only."""

    def __init__(self, client: Client, home: str, table: RoutingTable) -> None:
        # For metrics.
        self.pieces = 0
        self.too_large = False
        self._client = client
        self._home = home
        self._table = table
        # What was last compared with what lies in the cluster, and what lies there; None: nobody knows.
        self._seen: Document | None = None
        self._written: Document | None = None
        self._numbers: set[int] = set()
        self._look_at = 0.0

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._table.beyond(None)
            try:
                await self.write()
            except ClusterError as error:
                _log.error("the copy for gateways cannot be written: %s; %s", error.message, error.fix)
            await asyncio.sleep(_EVERY_SECONDS)

    async def write(self) -> None:
        """Once, if there is anything new to say. Raises ClusterError."""
        document, now = self._table.current, asyncio.get_running_loop().time()
        if document is None or (document is self._seen and now < self._look_at):
            return
        # A large one takes a while, and nothing in it ever changes.
        copy = await asyncio.to_thread(without_pods, document)
        if now >= self._look_at:
            self._written = copy if await self._lies_there(copy) else None
            self._look_at = now + _LOOK_SECONDS
        if self._written is None or replace(copy, version=self._written.version) != self._written:
            self._written = None
            await self._put(await asyncio.to_thread(pack, copy))
            self._written = copy
        self._seen = document

    async def _put(self, pieces: tuple[bytes, ...]) -> None:
        self.too_large = len(pieces) > MOST_PIECES
        if self.too_large:
            _log.error(
                "the routing document takes %s Secrets, and gateways mount %s: there is no copy any more, and what "
                "starts while the operator is away serves nothing; have fewer or shorter prompts",
                *(len(pieces), MOST_PIECES),
            )
            # An old copy would open what has been closed since.
            pieces = ()
        for number, piece in enumerate(pieces):
            self._numbers.add(number)
            wanted = at_home(SECRET, self._home, _name(number))
            await self._client.apply({**wanted, "data": encoded({PIECE_KEY: piece})})
        for number in sorted(self._numbers):
            if number >= len(pieces):
                await self._remove(number)
        self.pieces = len(pieces)

    async def _remove(self, number: int) -> None:
        with suppress(NotFound):
            await self._client.delete(SECRET, self._home, _name(number))
        self._numbers.discard(number)

    async def _lies_there(self, copy: Document) -> bool:
        """Whether the Secrets say this already, all of them and no other: as written, down to the byte."""
        found = await self._found()
        self._numbers = set(found)
        pieces = tuple(found[number] for number in sorted(found))
        try:
            lying = unpack(pieces)
        except UserError as trouble:
            _log.warning("the copy for gateways is written anew: %s", trouble.message)
            return False
        # From before the lease was lost by hand: who starts with it would take no document of ours.
        if lying is None or lying.version > copy.version:
            return False
        self.pieces = len(pieces)
        return pieces == await asyncio.to_thread(pack, replace(copy, version=lying.version))

    async def _found(self) -> dict[int, bytes]:
        found = {}
        for number in range(MOST_PIECES):
            with suppress(NotFound):
                secret = await self._client.get(SECRET, self._home, _name(number))
                found[number] = _piece(secret)
        return found


def _name(number: int) -> str:
    return f"plimsoll-routing-copy-{number}"


def _piece(secret: Object) -> bytes:
    try:
        return base64.b64decode(secret["data"][PIECE_KEY], validate=True)
    except (KeyError, TypeError, ValueError):
        return b""
