"""Decides before every connection whether it may be made, and to which address: users choose the names.

A name is resolved once for each read of a source, all of its addresses are checked, and connections are made to those
addresses only. So a name that changes its mind between the check and the connection changes nothing.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from yarl import URL

from plimsoll.api.reasons import Reason
from plimsoll.weights.addresses import Address, networks, parsed, refusal
from plimsoll.weights.trouble import SourceTrouble, told

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_SCHEMES = ("http", "https")
_NAME = re.compile(r"[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?\.?")
# What C libraries take for an address besides four decimal numbers: 127.1, 0x7f.0.0.1, 017700000001, 2130706433.
_NUMERIC = re.compile(r"(.*\.)?(0[xX][0-9a-fA-F]*|[0-9]+)\.?")
# Always this machine (RFC 6761), whether or not somebody resolves it.
_LOCAL = re.compile(r"(.*\.)?localhost\.?", re.IGNORECASE)
_LONGEST_NAME = 253
_MOST_ADDRESSES = 32
# Threads of their own: a name server of a stranger may let a lookup hang, and nothing else shall wait behind it.
_LOOKUPS = ThreadPoolExecutor(8, "resolve")
_PLAIN = re.compile(r"[!-~]+")
_WELL_WRITTEN = "write it as https://NAME/PATH; a key belongs into the Secret of spec.source.credential"


def address_of(text: str, place: str) -> URL:
    """An address as it was written, down to its escapes, because some carry signatures. Raises SourceTrouble.

    `place` is where it was written; it is told, and the address is not, because it can hold a key.
    """
    try:
        url = URL(text, encoded=_PLAIN.fullmatch(text) is not None)
        host = url.raw_host
    except ValueError:
        raise _refused(f"the address in {place} cannot be read", fix=_WELL_WRITTEN) from None
    if url.scheme not in _SCHEMES:
        raise _refused(f"the address in {place} begins neither with https:// nor with http://", fix=_WELL_WRITTEN)
    if url.raw_user is not None or url.raw_password is not None or "@" in url.raw_authority:
        raise _refused(f"the address in {place} contains a user name or password", fix=_WELL_WRITTEN)
    if not host or not url.port:
        raise _refused(f"the address in {place} names no host, or no port that exists", fix=_WELL_WRITTEN)
    return url


class Guard:
    """For one read of one source. It remembers what each name meant when it was asked first."""

    def __init__(self, private: Sequence[str], refused: Sequence[str], resolve: Resolve) -> None:
        self._private = networks(tuple(private))
        self._refused = networks(tuple(refused))
        self._resolve = resolve
        self._pinned: dict[str, tuple[Address, ...]] = {}

    async def admit(self, url: URL, seconds: float) -> None:
        """Raises SourceTrouble unless every address that the host stands for may be reached."""
        host = str(url.raw_host)
        if host in self._pinned:
            return
        literal = parsed(host)
        if literal is not None:
            addresses: tuple[Address, ...] = (literal,)
        else:
            _refuse_odd_names(host, url)
            addresses = await self._resolved(host, url, seconds)
        for address in addresses:
            self.check(address, url)
        self._pinned[host] = addresses

    def check(self, address: Address, url: URL | None = None) -> None:
        words = refusal(address, self._private, self._refused)
        if words is not None:
            where = f"{told(url)} leads to {address}" if url else str(address)
            raise _refused(f"{where}, {words}")

    def pinned(self, host: str) -> tuple[Address, ...]:
        """The checked addresses of a host; a host that was not admitted has none."""
        return self._pinned.get(host, ())

    async def _resolved(self, host: str, url: URL, seconds: float) -> tuple[Address, ...]:
        try:
            async with asyncio.timeout(seconds):
                answers = await self._resolve(host, url.port or 0)
        except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
            why = "in time" if isinstance(error, TimeoutError) else "at all"
            raise SourceTrouble(Reason.SOURCE_UNREACHABLE, f"the name {host} could not be resolved {why}") from None
        if not answers:
            raise SourceTrouble(Reason.SOURCE_UNREACHABLE, f"the name {host} has no address")
        addresses = [parsed(answer) for answer in answers[:_MOST_ADDRESSES]]
        if None in addresses:
            raise _refused(f"{told(url)} leads to an address of one interface of this machine")
        return tuple(dict.fromkeys(address for address in addresses if address is not None))


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """As the machine resolves names."""
    lookup = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, lookup)
    return [str(entry[4][0]) for entry in found]


def _refuse_odd_names(host: str, url: URL) -> None:
    if _NUMERIC.fullmatch(host) or ":" in host or "%" in host:
        raise _refused(f"{told(url)} writes an address in an unusual way: use four decimal numbers, or a name")
    if _LOCAL.fullmatch(host):
        raise _refused(f"{told(url)} leads to this machine itself")
    if len(host) > _LONGEST_NAME or not _NAME.fullmatch(host):
        raise _refused(f"{told(url)} has a host that is no plain name: write it in letters, digits, dots and hyphens")


def _refused(message: str, fix: str | None = None) -> SourceTrouble:
    return SourceTrouble(Reason.ADDRESS_REFUSED, message, fix=fix)
