"""What is answered without the engine's thread: models, tokens, probes, metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from plimsoll.runtime.http.chat_path import rendered
from plimsoll.runtime.http.chat_request import messages_of, template_values, tools_of
from plimsoll.runtime.http.desk import Desk, no_such_model
from plimsoll.runtime.http.errors import bad_field
from plimsoll.runtime.http.exchange import Exchange
from plimsoll.runtime.http.fields import Fields
from plimsoll.runtime.http.generating import Tokens, tokenized
from plimsoll.runtime.http.ports import Loaded
from plimsoll.runtime.http.seats import Seats
from plimsoll.runtime.http.state import Phase
from plimsoll.runtime.http.wishes import body_of

MODELS = "/v1/models/"


async def models(desk: Desk, exchange: Exchange) -> None:
    await exchange.reply(200, orjson.dumps({"object": "list", "data": [_model(desk)]}))


async def model(desk: Desk, exchange: Exchange) -> None:
    name, own = exchange.path.removeprefix(MODELS), desk.state.settings.alias
    if name != own:
        raise no_such_model(name, own)
    await exchange.reply(200, orjson.dumps(_model(desk)))


async def tokenize(desk: Desk, exchange: Exchange) -> None:
    loaded, body = await desk.received(exchange)
    with Seats(loaded.engine):
        fields = body_of(body)
        desk.check_model(fields)
        tokens = await _tokens(fields, loaded)
        desk.check_left(fields, exchange)
        told = {"tokens": tokens.tolist(), "count": len(tokens), "max_model_len": loaded.model.context_per_slot}
        await exchange.reply(200, orjson.dumps(told))


async def health(desk: Desk, exchange: Exchange) -> None:
    alive, told = desk.state.health(desk.clock())
    await exchange.reply(200 if alive else 503, orjson.dumps(told))


async def ready(desk: Desk, exchange: Exchange) -> None:
    phase = desk.state.phase
    await exchange.reply(200 if phase is Phase.READY else 503, orjson.dumps({"status": phase}))


async def metrics(desk: Desk, exchange: Exchange) -> None:
    kind, text = desk.metrics()
    await exchange.reply(200, text, kind)


def _model(desk: Desk) -> Mapping[str, Any]:
    state = desk.state
    told = {"id": state.settings.alias, "object": "model", "created": state.started, "owned_by": "plimsoll"}
    return told if state.loaded is None else told | {"max_model_len": state.loaded.model.context_per_slot}


async def _tokens(fields: Fields, loaded: Loaded) -> Tokens:
    prompt = fields.take("prompt")
    if prompt is None:
        tools = tools_of(fields) or None
        text = await rendered(loaded, messages_of(fields), tools, template_values(fields))
        return await tokenized(loaded.model, text, "messages")
    if not isinstance(prompt, str):
        raise bad_field("prompt", "must be text; send messages in its place to have a chat's tokens")
    return await tokenized(loaded.model, prompt, "prompt")
