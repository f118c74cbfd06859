"""POST /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from plimsoll.runtime.http.calls import ArgumentsReader, CallReader
from plimsoll.runtime.http.chat_request import ChatRequest, Use, chat_request
from plimsoll.runtime.http.desk import Desk
from plimsoll.runtime.http.errors import ApiError, bad_field
from plimsoll.runtime.http.exchange import Exchange
from plimsoll.runtime.http.formats import ChatFormat, Head
from plimsoll.runtime.http.generating import Caller, Order, generate, prompt_tokens
from plimsoll.runtime.http.ports import Loaded
from plimsoll.runtime.http.seats import Seats
from plimsoll.runtime.http.wishes import Shape, body_of
from plimsoll.runtime.http.writing import Calls, Manner
from plimsoll.runtime.settings import Mode
from plimsoll.runtime.templates.errors import TemplateError, TemplateExceeded


async def chat(desk: Desk, exchange: Exchange) -> None:
    began = desk.clock()
    loaded, body = await desk.received(exchange, Mode.GENERATE)
    with Seats(loaded.engine) as seats:
        fields = body_of(body)
        desk.check_model(fields)
        request = chat_request(fields, loaded.model.n_vocab)
        desk.check_left(fields, exchange)
        check_tools(request, loaded)
        wishes = request.wishes
        seats.take(wishes.answers)
        name = f"chatcmpl-{desk.new_id()}"
        text = await rendered(loaded, request.messages, request.tools_told, request.template_values)
        order = Order(
            prompts=[await prompt_tokens(loaded.model, text, "messages")],
            wishes=wishes,
            max_tokens=wishes.max_tokens,
            top_logprobs=request.top_logprobs,
            shape=_shape(request),
            stops=wishes.stops + _stops(request, loaded),
            began=began,
            name=name,
        )
        head = Head(name, int(desk.wall()), desk.state.settings.alias, wishes.usage_in_stream)
        form = ChatFormat(head, loaded.model.piece)
        manner = Manner(
            form,
            wishes.answers,
            request.top_logprobs is not None,
            wishes.usage_in_stream,
            wishes.running_usage,
            _calls(request, loaded, form, f"call_{desk.new_id()}"),
        )
        await generate(desk, Caller(exchange, seats), loaded, order, manner)


async def rendered(
    loaded: Loaded,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] | None,
    values: Mapping[str, Any],
) -> str:
    try:
        return await loaded.renderer.render(messages, tools, extra=values)
    except (TemplateError, TemplateExceeded) as error:
        raise ApiError(400, f"{error.message}. {error.fix}", param="messages", code="template_refused") from None


def check_tools(request: ChatRequest, loaded: Loaded) -> None:
    if request.choice.use is Use.AUTO and not (loaded.renderer.declared.tools and loaded.calls):
        raise bad_field(
            "tool_choice",
            'is "auto", and the chat template of this model declares no tools in a form whose calls can be read. '
            'Send "required" or the name of a function to get a call, or "none" to get text',
        )


def _shape(request: ChatRequest) -> Shape | None:
    choice, tools = request.choice, request.tools
    if choice.use is Use.REQUIRED:
        return lambda constraints: constraints.tool_call(tools, choice.name)
    return request.wishes.shape


def _stops(request: ChatRequest, loaded: Loaded) -> tuple[str, ...]:
    """After a call nothing more is wanted."""
    return loaded.calls.stops if request.choice.use is Use.AUTO and loaded.calls else ()


def _calls(request: ChatRequest, loaded: Loaded, form: ChatFormat, call_id: str) -> Calls | None:
    names = [tool["function"]["name"] for tool in request.tools]
    if request.choice.name is not None:
        return Calls(partial(ArgumentsReader, request.choice.name), call_id, form.call)
    if request.choice.use is Use.REQUIRED:
        return Calls(partial(CallReader, names), call_id, form.call)
    if request.choice.use is Use.AUTO and loaded.calls is not None:
        return Calls(partial(loaded.calls.reader, names), call_id, form.call)
    return None
