"""A web server that has models: plain files, a hub or a bucket, on an address of this machine that is not loopback.

Files are a header and as many zeros as it takes, so that a model of forty gigabytes costs nothing. What a server does
wrong is a function of the test: it gets the request and says what is answered.
"""

from __future__ import annotations

import re
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.support.gguf_maker import Made

_CHUNK = 1 << 16
_RANGE = re.compile(r"bytes=(\d+)-(\d+)?")


@dataclass(frozen=True)
class Content:
    """The bytes of a file: some that are real, then zeros up to its size."""

    data: bytes
    size: int

    @classmethod
    def of(cls, made: Made) -> Content:
        return cls(made.data, made.file_size)

    @classmethod
    def text(cls, data: bytes) -> Content:
        return cls(data, len(data))

    def chunks(self, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        last = self.size if end is None else min(end, self.size)
        for at in range(begin, last, _CHUNK):
            upto = min(at + _CHUNK, last)
            yield self.data[at:upto].ljust(upto - at, b"\0")


@dataclass(frozen=True)
class Asked:
    """One request as it came in; `path` is without its escapes, which `target` has."""

    path: str
    query: str
    headers: Mapping[str, str]
    target: str = ""

    @property
    def range(self) -> tuple[int, int] | None:
        found = _RANGE.fullmatch(self.headers.get("range", ""))
        return None if found is None else (int(found[1]), int(found[2]) + 1 if found[2] else 1 << 62)


@dataclass(frozen=True)
class Reply:
    """Without a length the connection is closed at the end of the body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Content | Iterator[bytes] = Content(b"", 0)
    length: int | None = None

    @classmethod
    def text(cls, data: bytes, status: int = 200, **headers: str) -> Reply:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, names, Content.text(data), len(data))


Route = Callable[[Asked], Reply]


def served(content: Content, etag: str | None = '"one"', **headers: str) -> Route:
    """As a good server does it: ranges, If-Range, If-None-Match, and 416 behind the end."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    own = {**more, "Accept-Ranges": "bytes"} | ({"ETag": etag} if etag else {})

    def answer(asked: Asked) -> Reply:
        if etag and asked.headers.get("if-none-match") == etag:
            return Reply(304, own, length=0)
        wanted = asked.range
        if wanted is None or asked.headers.get("if-range", etag) != etag:
            return Reply(200, own, content, content.size)
        begin, end = wanted[0], min(wanted[1], content.size)
        if begin >= end:
            return Reply(416, {**own, "Content-Range": f"bytes */{content.size}"}, length=0)
        told = {**own, "Content-Range": f"bytes {begin}-{end - 1}/{content.size}"}
        return Reply(206, told, content.chunks(begin, end), end - begin)

    return answer


def without_ranges(content: Content, *, length: bool = True) -> Route:
    return lambda asked: Reply(200, {"ETag": '"one"'}, content, content.size if length else None)


def changed(route: Route, change: Callable[[Asked, Reply], Reply]) -> Route:
    """The route, and then something done to its answer."""
    return lambda asked: change(asked, route(asked))


def with_headers(route: Route, **headers: str) -> Route:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return changed(route, lambda _, reply: replace(reply, headers={**reply.headers, **more}))


def redirect(where: str, status: int = 302, **headers: str) -> Route:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Reply(status, {**more, "Location": where}, length=0)


@dataclass
class Given:
    """What went out for one request: so many bytes of the file, from `begin` on."""

    begin: int
    count: int = 0


class ModelServer:
    """Routes by path; every request that came, and how many bytes went out."""

    def __init__(self, address: str, tls: ssl.SSLContext | None = None) -> None:
        self.routes: dict[str, Route] = {}
        self.asked: list[Asked] = []
        self.given: list[Given] = []
        self.sent = 0
        self._scheme = "http" if tls is None else "https"
        self._server = _server(address, self)
        # For every connection: what waits here has not been read by anybody, and still counts as sent.
        self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHUNK)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def base(self) -> str:
        host, port = self._server.server_address[:2]
        return f"{self._scheme}://[{host!s}]:{port}" if ":" in str(host) else f"{self._scheme}://{host!s}:{port}"

    @property
    def host(self) -> str:
        return str(self._server.server_address[0])

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def add(self, path: str, content: Content | Made, **more: Any) -> str:
        """A file at this path; its address."""
        made = Content.of(content) if isinstance(content, Made) else content
        self.routes[path] = served(made, **more)
        return f"{self.base}{path}"

    def add_hub(
        self,
        repository: str,
        files: Mapping[str, Content],
        *,
        token: str | None = None,
        behind: ModelServer | None = None,
    ) -> None:
        """A repository with the branch main, as the hub shows one: large files lie at another address."""
        from tests.support.hub_server import Hub

        Hub(self, repository, files, token=token, behind=behind or self).add()

    def add_bucket(self, bucket: str, files: Mapping[str, Content]) -> None:
        """A bucket by its path, open to everybody; `asked` has what was signed."""
        for key, content in files.items():
            self.routes[f"/{bucket}/{key}"] = served(content, etag=f'"{len(key)}"')
        self.routes[f"/{bucket}/"] = lambda asked: _page(asked, files)


def _page(asked: Asked, files: Mapping[str, Content]) -> Reply:
    query = {name: values[0] for name, values in parse_qs(asked.query).items()}
    keys = sorted(key for key in files if key.startswith(query.get("prefix", "")))
    begin = int(query.get("continuation-token", "0"))
    rows = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{files[key].size}</Size><ETag>&quot;{len(key)}&quot;</ETag></Contents>"
        for key in keys[begin : begin + 2]
    )
    more = begin + 2 < len(keys)
    tail = f"<IsTruncated>{str(more).lower()}</IsTruncated>" + (
        f"<NextContinuationToken>{begin + 2}</NextContinuationToken>" if more else ""
    )
    return Reply.text(f'<?xml version="1.0"?><ListBucketResult>{rows}{tail}</ListBucketResult>'.encode())


def _missing(_: Asked) -> Reply:
    return Reply.text(b"not here", 404)


def _begin(asked: Asked, reply: Reply) -> int:
    return asked.range[0] if asked.range and reply.status == 206 else 0


def _chunks(reply: Reply) -> Iterator[bytes]:
    return reply.body.chunks() if isinstance(reply.body, Content) else reply.body


def _server(address: str, owner: ModelServer) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = _CHUNK

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(unquote(parts.path), parts.query, headers, self.path)
            owner.asked.append(asked)
            route = owner.routes.get(asked.path, _missing)
            try:
                self._give(route(asked), asked)
            except (ConnectionError, TimeoutError):
                self.close_connection = True

        do_HEAD = do_GET  # noqa: N815

        def _give(self, reply: Reply, asked: Asked) -> None:
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.length is None:
                self.send_header("Connection", "close")
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(reply.length))
            self.end_headers()
            owner.given.append(given := Given(_begin(asked, reply)))
            for chunk in () if self.command == "HEAD" else _chunks(reply):
                self.wfile.write(chunk)
                self.wfile.flush()
                given.count += len(chunk)
                owner.sent += len(chunk)
            self.close_connection |= given.count != reply.length

        def log_message(self, *_: object) -> None:
            """Tests say what happened."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            if not isinstance(sys.exc_info()[1], OSError):  # who has read enough leaves
                super().handle_error(request, client_address)

    return Server((address, 0), Handler)


def own_address() -> str | None:
    """An address of this machine that others could reach, without asking any of them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))  # of the documentation: nothing is sent
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("127.") else address


@contextmanager
def model_server(address: str, tls: ssl.SSLContext | None = None) -> Iterator[ModelServer]:
    server = ModelServer(address, tls)
    try:
        yield server
    finally:
        server.close()
