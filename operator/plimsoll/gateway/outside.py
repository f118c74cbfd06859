"""Which addresses a provider may lie at: whoever may write a ModelConfig chooses its name, and this gateway dials it.

The address itself is looked at, at the moment when it is dialled, so that no spelling of it and no name server helps.
"""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any

from plimsoll.errors import UserError
from plimsoll.weights.addresses import Address, Network, networks, parsed, refusal

_LOG = logging.getLogger(__name__)
# Each of so many is told once: callers shall not fill the log.
_MOST_TOLD = 1000
Dial = Callable[[tuple[Any, ...]], socket.socket]


class AddressRefused(OSError):
    """All of them say the same, so that of several addresses that are refused one is told."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "no provider may lie at this address")


def opened(texts: Sequence[str]) -> tuple[Network, ...]:
    try:
        return networks(tuple(texts))
    except ValueError as error:
        raise UserError(
            f"--provider-networks cannot be read: {error}", fix="Write networks like 10.20.0.0/16 or fd12::/48."
        ) from None


def dialling(open_to: Sequence[Network]) -> Dial:
    """What makes the sockets of the connections to providers."""

    told: set[str] = set()

    def dial(where: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = where
        text = str(address[0])
        found = parsed(text)
        why = "an address of one interface of this machine" if found is None else why_not(found, open_to)
        if why is not None:
            if text not in told and len(told) < _MOST_TOLD:
                told.add(text)
                _LOG.warning("a provider was not called, as it lies at %s: %s", text, why)
            raise AddressRefused
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    return dial


def why_not(address: Address, open_to: Sequence[Network]) -> str | None:
    words = refusal(address, open_to, ())
    if words is None or (address.is_loopback and any(address in network for network in open_to)):
        # On a laptop a provider may be the next process; that has to be said, as for any private network.
        return None
    return words.partition(", and")[0]
