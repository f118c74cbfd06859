"""HTTP for one read of one source: guarded connections, redirects step by step, and nothing without a bound."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from plimsoll.api.reasons import Reason
from plimsoll.weights.addresses import parsed
from plimsoll.weights.guard import Guard, address_of
from plimsoll.weights.trouble import SourceTrouble, told

_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "plimsoll"}
_CHUNK = 1 << 16
# What a server may send ahead of the reader: enough for a long way (100 MB/s at 20 ms), and it does not grow, because
# whatever waits in the kernel when a download is killed has to come again.
_WINDOW = 2 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a source may take, in seconds, and how much it may say."""

    connect: float = 10
    silence: float = 15
    source: float = 120
    hops: int = 5
    document: int = 4 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer of a chain of redirects; `first` are the headers of the host that was asked first."""

    response: aiohttp.ClientResponse
    url: URL
    first: Mapping[str, str]

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    async def parts(self, most: int) -> AsyncIterator[bytes]:
        """Up to so many bytes, as they come; fewer only at the end of the answer."""
        while most > 0:
            try:
                part = await self.response.content.read(min(most, _CHUNK))
            except (aiohttp.ClientError, OSError) as error:
                raise _unreachable(self.url, error) from None
            if not part:
                return
            most -= len(part)
            yield part


def refuse_status(answer: Answer, what: str) -> None:
    """Raises SourceTrouble for an answer that brings nothing."""
    status = answer.status
    if status in (200, 206):
        return
    host = answer.url.raw_host
    if status in (404, 410):
        raise SourceTrouble(Reason.SOURCE_NOT_FOUND, f"{host} has no {what} (it answered {status})")
    if status in (401, 403, 407, 451):
        raise SourceTrouble(Reason.SOURCE_FORBIDDEN, f"{host} does not hand out {what} (it answered {status})")
    raise SourceTrouble(Reason.SOURCE_UNREACHABLE, f"{host} answered {status} when asked for {what}")


@dataclass(frozen=True, slots=True)
class Target:
    """An address, the headers that only its own host may see, and what its way to say no means."""

    url: URL
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)
    refuse: Callable[[Answer, str], None] = refuse_status


class Client:
    """Use it as a context: its connections are of one read, and no other read ever gets one of them."""

    def __init__(self, guard: Guard, limits: Limits) -> None:
        self._guard = guard
        self.limits = limits

    async def __aenter__(self) -> Self:
        limits = self.limits
        connector = aiohttp.TCPConnector(
            resolver=_Pinned(self._guard), use_dns_cache=False, limit=8, socket_factory=self._socket
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # A proxy would resolve names by itself, and the machine's netrc is nobody's credential.
            trust_env=False,
            auto_decompress=False,
            headers=_HEADERS,
            timeout=aiohttp.ClientTimeout(total=None, connect=limits.connect, sock_read=limits.silence),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    @asynccontextmanager
    async def get(self, target: Target, headers: Mapping[str, str] | None = None) -> AsyncIterator[Answer]:
        """The answer after all redirects. Secret headers go to the first host only, and never come back to it."""
        url, secret = target.url, target.secret
        first: Mapping[str, str] | None = None
        for _ in range(self.limits.hops + 1):
            response = await self._send(url, {**(headers or {}), **secret})
            try:
                first = response.headers if first is None else first
                onward = _redirect(response, url)
                if onward is None:
                    _refuse_packed(response, url)
                    yield Answer(response, url, first)
                    return
            finally:
                response.close()
            if onward.origin() != url.origin():
                secret = {}
            url = onward
        raise SourceTrouble(
            Reason.SOURCE_UNREACHABLE, f"{told(target.url)} redirects more than {self.limits.hops} times"
        )

    async def document(self, target: Target) -> tuple[Answer, bytes]:
        """A whole answer, for lists; one that is longer than the limit is refused."""
        async with self.get(target) as answer:
            body = b"".join([part async for part in answer.parts(self.limits.document + 1)])
        if len(body) > self.limits.document:
            words = f"{told(answer.url)} answers with more than {self.limits.document:,} bytes"
            raise SourceTrouble(Reason.SOURCE_UNREACHABLE, words)
        return answer, body

    async def _send(self, url: URL, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        await self._guard.admit(url, self.limits.connect)
        try:
            return await self._session.get(url, headers=headers, allow_redirects=False)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _unreachable(url, error) from None

    def _socket(self, where: tuple[Any, ...]) -> socket.socket:
        """Every connection begins here, so this is the check that nothing passes by."""
        family, kind, protocol, _, address = where
        found = parsed(str(address[0]))
        if found is None:
            raise SourceTrouble(Reason.ADDRESS_REFUSED, "the source leads to an address that cannot be checked")
        self._guard.check(found)
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        if hasattr(socket, "TCP_WINDOW_CLAMP"):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, _WINDOW)
        return made


class _Pinned(AbstractResolver):
    """Answers with what the guard has checked, and asks nobody."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002
    ) -> list[ResolveResult]:
        addresses = self._guard.pinned(host)
        if not addresses:
            raise OSError(f"{host} was not admitted")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """There is nothing to close."""


def _redirect(response: aiohttp.ClientResponse, url: URL) -> URL | None:
    where = response.headers.get("Location")
    if response.status not in _REDIRECTS or where is None:
        return None
    try:
        joined = str(url.join(URL(where, encoded=where.isascii() and " " not in where)))
    except ValueError:
        raise SourceTrouble(
            Reason.SOURCE_UNREACHABLE, f"{told(url)} redirects to an address that cannot be read"
        ) from None
    onward = address_of(joined, f"the redirect of {told(url)}")
    if url.scheme == "https" and onward.scheme != "https":
        raise SourceTrouble(Reason.ADDRESS_REFUSED, f"{told(url)} redirects to {told(onward)}, without encryption")
    return onward


def _refuse_packed(response: aiohttp.ClientResponse, url: URL) -> None:
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise SourceTrouble(
            Reason.SOURCE_UNREACHABLE,
            f"{told(url)} packs its answer although it was asked not to",
            fix="switch compression off for model files at the server, or take them from another one",
        )


def _unreachable(url: URL, error: Exception) -> SourceTrouble:
    """Only in our own words: those of the library have whole addresses, with all that they hide."""
    host = f"{url.raw_host}:{url.port}"
    if isinstance(error, TimeoutError):
        words = f"{host} did not answer in time"
    elif isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        words = f"{host} has no certificate that is trusted here"
    elif isinstance(error, aiohttp.ClientConnectorError):
        words = f"no connection to {host} could be made"
    elif isinstance(error, aiohttp.ClientPayloadError):
        words = f"{host} ended its answer early"
    else:
        words = f"{host} did not answer as a web server does"
    return SourceTrouble(Reason.SOURCE_UNREACHABLE, words)
