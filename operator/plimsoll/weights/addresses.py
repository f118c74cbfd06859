"""Which addresses may be connected to: what is public, what only configuration opens, and what nothing opens."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_METADATA = "where clouds hand out the credentials of machines"
# No configuration opens these. Whatever a name or a redirect says, no model lies there.
_NEVER: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), words)
    for network, words in (
        ("0.0.0.0/8", "this machine itself"),
        ("127.0.0.0/8", "a loopback address"),
        ("169.254.0.0/16", f"a link-local address, {_METADATA}"),
        ("100.100.100.200/32", _METADATA),
        ("168.63.129.16/32", _METADATA),
        ("192.0.0.192/32", _METADATA),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
        ("::/128", "this machine itself"),
        ("::1/128", "a loopback address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site-local address"),
        ("ff00::/8", "a multicast address"),
        ("fd00:ec2::254/128", _METADATA),
        ("fd20:ce::254/128", _METADATA),
        ("fd00:42::42/128", _METADATA),
        ("2001::/32", "an address inside a Teredo tunnel"),
        ("2002::/16", "an address inside a 6to4 tunnel"),
    )
)
_MAPPED = IPv6Network("::ffff:0:0/96")
_TRANSLATED = IPv6Network("64:ff9b::/96")
# Older versions of Python take some of these for public.
_NOT_PUBLIC: tuple[Network, ...] = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
# All other IPv6 addresses are reserved, among them the remaining ways to write an IPv4 address.
_UNICAST = (IPv6Network("2000::/3"), IPv6Network("fc00::/7"))


@lru_cache(maxsize=8)
def networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Networks in CIDR form, or single addresses. Raises ValueError. A cluster can have thousands of nodes."""
    return tuple(ip_network(text, strict=False) for text in texts)


def refusal(address: Address, private: Sequence[Network], refused: Sequence[Network]) -> str | None:
    """Why this address must not be reached, or None when it may be."""
    inner = _unwrapped(address)
    both = (address, inner)
    if _within(both, refused):
        return "an address of the cluster's own nodes"
    for network, words in _NEVER:
        if inner in network:
            return words
    if isinstance(inner, IPv6Address) and not _within((inner,), _UNICAST):
        return "a reserved address"
    if _is_public(inner) or _within(both, private):
        return None
    return "a private address, and sources.privateNetworks of the operator's configuration does not have it"


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that really answers, where an IPv6 address only wraps one."""
    if isinstance(address, IPv6Address) and _within((address,), (_MAPPED, _TRANSLATED)):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    return address.is_global and not _within((address,), _NOT_PUBLIC)


def _within(addresses: Sequence[Address], known: Sequence[Network]) -> bool:
    return any(address in network for address in addresses for network in known)


def parsed(text: str) -> Address | None:
    """An address in its usual spelling; without a zone, which only names an interface of this machine."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return None if isinstance(found, IPv6Address) and found.scope_id else found
