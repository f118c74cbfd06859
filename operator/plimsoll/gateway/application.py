"""The paths of the gateway as one ASGI application: who answers what, and how whatever goes wrong is told."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

import orjson

from plimsoll.cost.record import Outcome
from plimsoll.gateway.calls_path import caller, path_of
from plimsoll.gateway.desk import Desk
from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.exchange import ClientGone, Exchange, Receive, Scope, Send
from plimsoll.gateway.fields import shown
from plimsoll.gateway.naming import card, listed, model_named
from plimsoll.gateway.state import Phase
from plimsoll.gateway.visit import Visit
from plimsoll.gateway.waiting import Left
from plimsoll.gateway.writing import CLOSE

_LOG = logging.getLogger(__name__)
Handler = Callable[[Desk, Visit], Awaitable[None]]
_ONE_MODEL = "/v1/models/"


async def models(desk: Desk, visit: Visit) -> None:
    routes = desk.state.usable()
    await visit.exchange.reply(200, orjson.dumps(listed(routes, caller(desk, visit, routes))))


async def model(desk: Desk, visit: Visit) -> None:
    routes = desk.state.usable()
    key = caller(desk, visit, routes)
    visit.model = model_named(routes, key, visit.exchange.path.removeprefix(_ONE_MODEL))
    await visit.exchange.reply(200, orjson.dumps(card(visit.model)))


_GET, _POST = ("GET", "HEAD"), ("POST",)
# Methods, the name in metrics and logs, and who answers.
_PATHS: Mapping[str, tuple[tuple[str, ...], str, Handler]] = {
    "/v1/chat/completions": (_POST, "chat", path_of("chat")),
    "/v1/completions": (_POST, "completion", path_of("completion")),
    "/v1/embeddings": (_POST, "embedding", path_of("embedding")),
    "/v1/models": (_GET, "models", models),
}
_MODEL = (_GET, "models", model)


class Application:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        desk = self._desk
        exchange = Exchange(scope, receive, send, desk.new_id())
        visit = Visit(exchange, desk.clock())
        if desk.state.phase is not Phase.SERVING:
            # The next request of this client goes to another gateway.
            exchange.headers.append(CLOSE)
        try:
            await self._answer(visit)
        finally:
            ended = visit.ended(desk.clock())
            desk.metrics.ended(ended)
            desk.log(ended.line(), desk.wall())

    async def _answer(self, visit: Visit) -> None:
        exchange = visit.exchange
        try:
            await _handler(visit)(self._desk, visit)
        except ApiError as error:
            await _tell(exchange, error)
        except ClientGone:
            return
        except Left:
            if visit.stop is Outcome.DRAINED:
                await _tell(exchange, ApiError(Code.DRAINING, retry_after=1))
        except Exception:  # noqa: BLE001 - whatever it was, the client is told, and the log has it
            _LOG.exception("request %s failed", exchange.id)
            await _tell(exchange, ApiError(Code.INTERNAL_ERROR))


async def _tell(exchange: Exchange, error: ApiError) -> None:
    if exchange.started:
        exchange.abort()
    else:
        await exchange.refuse(error)


def _handler(visit: Visit) -> Handler:
    exchange = visit.exchange
    found = _MODEL if exchange.path.startswith(_ONE_MODEL) else _PATHS.get(exchange.path)
    if found is None:
        raise ApiError(Code.PATH_NOT_FOUND, path=shown(exchange.path))
    methods, visit.operation, handler = found
    if exchange.method not in methods:
        allowed = ", ".join(methods)
        exchange.headers.append((b"allow", allowed.encode()))
        raise ApiError(Code.METHOD_NOT_ALLOWED, path=exchange.path, methods=allowed)
    return handler
