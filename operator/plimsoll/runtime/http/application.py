"""The engine's paths as one ASGI application: who answers what, and how whatever goes wrong is told."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from plimsoll.runtime.http import plain_paths
from plimsoll.runtime.http.chat_path import chat
from plimsoll.runtime.http.completions_path import completions
from plimsoll.runtime.http.desk import Desk
from plimsoll.runtime.http.embeddings_path import embeddings
from plimsoll.runtime.http.errors import ApiError, failed
from plimsoll.runtime.http.exchange import ClientGone, Exchange, Receive, Scope, Send
from plimsoll.runtime.http.fields import shortened
from plimsoll.runtime.http.journal import Journal

Handler = Callable[[Desk, Exchange], Awaitable[None]]

_GET, _POST = ("GET", "HEAD"), ("POST",)
_PATHS: Mapping[str, tuple[tuple[str, ...], Handler]] = {
    "/v1/chat/completions": (_POST, chat),
    "/v1/completions": (_POST, completions),
    "/v1/embeddings": (_POST, embeddings),
    "/v1/models": (_GET, plain_paths.models),
    "/tokenize": (_POST, plain_paths.tokenize),
    "/health": (_GET, plain_paths.health),
    "/ready": (_GET, plain_paths.ready),
    "/metrics": (_GET, plain_paths.metrics),
}
_ONE_MODEL = (_GET, plain_paths.model)
_LOG = logging.getLogger(__name__)


class Application:
    def __init__(self, desk: Desk, journal: Journal) -> None:
        self._desk = desk
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send, self._desk.new_id())
        began = self._desk.clock()
        try:
            await self._answer(exchange)
        finally:
            self._journal.note(exchange, began)

    async def _answer(self, exchange: Exchange) -> None:
        try:
            await _handler(exchange)(self._desk, exchange)
        except ApiError as error:
            await exchange.refuse(error)
        except ClientGone:
            return
        except Exception:  # noqa: BLE001 - whatever it was, the client is told, and the log has it
            _LOG.exception("request %s failed", exchange.id)
            if exchange.started:
                exchange.abort()
            else:
                await exchange.refuse(failed())


def _handler(exchange: Exchange) -> Handler:
    is_model = exchange.path.startswith(plain_paths.MODELS)
    methods, handler = _ONE_MODEL if is_model else _PATHS.get(exchange.path, ((), None))
    if handler is None:
        raise ApiError(404, f"there is no path {shortened(exchange.path)} here", code="unknown_path")
    if exchange.method not in methods:
        allowed = [(b"allow", ", ".join(methods).encode())]
        raise ApiError(405, f"{exchange.path} takes {' and '.join(methods)} only", code="wrong_method", headers=allowed)
    return handler
