"""The paths that reach a model: from the bytes of a request to the call that the back carries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct

from plimsoll.cost.record import Operation
from plimsoll.gateway.admission import Applicant, Held, left_headers
from plimsoll.gateway.authentication import authenticated
from plimsoll.gateway.backends import BACKENDS
from plimsoll.gateway.backends.dialect import Dialect
from plimsoll.gateway.call import Call, Header
from plimsoll.gateway.context import check_context
from plimsoll.gateway.desk import Desk
from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.exchange import Exchange
from plimsoll.gateway.naming import model_named, served_by
from plimsoll.gateway.policy.shaping import Shaped, shaped
from plimsoll.gateway.reading import read
from plimsoll.gateway.request import Request, request_of
from plimsoll.gateway.settings import Auth
from plimsoll.gateway.state import Routes
from plimsoll.gateway.visit import Visit
from plimsoll.routing.document import Key, Model, Served

_JSON = b"application/json"


class Resolved(Struct, frozen=True):
    """What a request means by one routing document."""

    routes: Routes
    key: Key | None
    model: Model
    served: Served
    dialect: Dialect
    shaped: Shaped

    def headers(self) -> list[Header]:
        told = [
            (b"x-plimsoll-model", self.model.full_name.encode()),
            (b"x-plimsoll-revision", b"%d" % self.served.revision),
        ]
        return [*told, *self.shaped.report.headers()]


def path_of(operation: Operation) -> Callable[[Desk, Visit], Awaitable[None]]:
    async def answer(desk: Desk, visit: Visit) -> None:
        stopped = visit.stopped = asyncio.get_running_loop().create_future()
        visit.exchange.wire.left = visit.cancel
        desk.state.inside.add(stopped)
        try:
            await _call(desk, visit, await _received(desk, visit, operation))
        finally:
            desk.state.inside.discard(stopped)
            desk.intake.done(visit.exchange.id)

    return answer


def caller(desk: Desk, visit: Visit, routes: Routes) -> Key | None:
    """Raises ApiError; None where no keys are asked for."""
    if visit.known_by is routes:
        return visit.key
    if desk.auth is Auth.REQUIRED:
        header = visit.exchange.header(b"authorization")
        visit.key = authenticated(routes.document.keys, header, desk.wall())
    visit.known_by = routes
    return visit.key


async def _received(desk: Desk, visit: Visit, operation: Operation) -> Request:
    """From a stranger nothing is read."""
    caller(desk, visit, desk.state.usable())
    check_kind(visit.exchange)
    body = await visit.exchange.body(desk.intake, desk.body_seconds)
    visit.read_at = desk.clock()
    return request_of(operation, read(body))


async def _call(desk: Desk, visit: Visit, request: Request) -> None:
    resolved = _resolve(desk, visit, request)
    name = resolved.model.full_name
    desk.metrics.entered(name)
    try:
        held = await desk.admission.admit(resolved.routes.document, _applicant(visit, request, resolved))
        visit.waited = held.waited
        try:
            if desk.state.routes is not resolved.routes:
                # Who has waited for a minute must not call a pod that has gone, or with a key that has.
                resolved = _resolve(desk, visit, request)
            await _carry(desk, visit, request, resolved, held)
        finally:
            held.settle(0)
    finally:
        desk.metrics.left(name)


def _resolve(desk: Desk, visit: Visit, request: Request) -> Resolved:
    routes = desk.state.usable()
    key = caller(desk, visit, routes)
    model = visit.model = model_named(routes, key, request.model)
    served = served_by(model)
    check_context(request, served.context)
    dialect = _dialect(model, served)
    return Resolved(routes, key, model, served, dialect, shaped(request, served, dialect))


async def _carry(desk: Desk, visit: Visit, request: Request, resolved: Resolved, held: Held) -> None:
    exchange = visit.exchange
    assert visit.stopped is not None
    exchange.headers += [*resolved.headers(), *left_headers(held.left)]
    for parameter in resolved.shaped.report.unsupported:
        desk.metrics.unsupported(resolved.model.full_name, parameter)
    visit.call = Call(
        id=exchange.id,
        arrived=visit.arrived,
        request=request,
        key=resolved.key,
        model=resolved.model,
        served=resolved.served,
        dialect=resolved.dialect,
        body=resolved.shaped.body,
        hold=held,
        responder=exchange,
        stopped=visit.stopped,
        release=lambda: desk.intake.done(exchange.id),
    )
    await desk.carry(visit.call)


def _applicant(visit: Visit, request: Request, resolved: Resolved) -> Applicant:
    assert visit.stopped is not None
    return Applicant(
        id=visit.exchange.id,
        key=resolved.key,
        model=resolved.model,
        served=resolved.served,
        request=request,
        body=resolved.shaped.body,
        stopped=visit.stopped,
    )


def _dialect(model: Model, served: Served) -> Dialect:
    found = BACKENDS.get(served.backend)
    if found is None:
        raise ApiError(
            Code.MODEL_NOT_READY,
            model=model.full_name,
            reason="UnknownBackend",
            message=f"this version of the gateway does not know the backend {served.backend}",
        )
    return found


def check_kind(exchange: Exchange) -> None:
    """Who says nothing means JSON; what is packed is never unpacked here, as a few bytes may become gigabytes."""
    kind = exchange.header(b"content-type")
    if kind is not None and kind.partition(b";")[0].strip().lower() != _JSON:
        raise ApiError(Code.UNSUPPORTED_MEDIA_TYPE, given=_shown(kind))
    packed = exchange.header(b"content-encoding")
    if packed is not None and packed.strip().lower() != b"identity":
        raise ApiError(Code.UNSUPPORTED_MEDIA_TYPE, given=_shown(packed))


def _shown(value: bytes) -> str:
    return value[:60].decode("latin-1")
