"""POST /v1/completions."""

from __future__ import annotations

from plimsoll.runtime.http.completion_request import completion_request
from plimsoll.runtime.http.desk import Desk
from plimsoll.runtime.http.exchange import Exchange
from plimsoll.runtime.http.formats import CompletionFormat, Head
from plimsoll.runtime.http.generating import Caller, Order, generate, prompt_tokens
from plimsoll.runtime.http.seats import Seats
from plimsoll.runtime.http.wishes import body_of
from plimsoll.runtime.http.writing import Manner
from plimsoll.runtime.settings import Mode


async def completions(desk: Desk, exchange: Exchange) -> None:
    began = desk.clock()
    loaded, body = await desk.received(exchange, Mode.GENERATE)
    with Seats(loaded.engine) as seats:
        fields = body_of(body)
        desk.check_model(fields)
        request = completion_request(fields, loaded.model.n_vocab)
        desk.check_left(fields, exchange)
        wishes = request.wishes
        seats.take(len(request.prompts) * wishes.answers)
        name = f"cmpl-{desk.new_id()}"
        order = Order(
            prompts=[await prompt_tokens(loaded.model, prompt, "prompt") for prompt in request.prompts],
            wishes=wishes,
            max_tokens=request.max_tokens,
            top_logprobs=request.top_logprobs,
            shape=wishes.shape,
            stops=wishes.stops,
            began=began,
            name=name,
        )
        head = Head(name, int(desk.wall()), desk.state.settings.alias, wishes.usage_in_stream)
        form = CompletionFormat(head, loaded.model.piece)
        manner = Manner(
            form, wishes.answers, request.top_logprobs is not None, wishes.usage_in_stream, wishes.running_usage
        )
        await generate(desk, Caller(exchange, seats), loaded, order, manner)
