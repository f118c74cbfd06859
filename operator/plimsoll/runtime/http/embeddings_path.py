"""POST /v1/embeddings."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from plimsoll.runtime.http.answers import Answers
from plimsoll.runtime.http.completion_request import Prompt, prompts_of
from plimsoll.runtime.http.desk import Desk
from plimsoll.runtime.http.errors import ApiError, bad_field, too_long
from plimsoll.runtime.http.exchange import Exchange, cancelled, until_gone
from plimsoll.runtime.http.fields import Fields
from plimsoll.runtime.http.generating import Tokens, submit, tokenized
from plimsoll.runtime.http.outcome import CUT, cut_answer, trouble, usage_of
from plimsoll.runtime.http.ports import Loaded
from plimsoll.runtime.http.seats import Seats
from plimsoll.runtime.http.wishes import WITHOUT_EFFECT, body_of
from plimsoll.runtime.requests import Job, Sampling
from plimsoll.runtime.settings import Mode, Settings

_MOST_INPUTS = 2048
Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Wanted:
    inputs: Sequence[Prompt]
    as_text: bool


async def embeddings(desk: Desk, exchange: Exchange) -> None:
    began = desk.clock()
    loaded, body = await desk.received(exchange, Mode.EMBED)
    with Seats(loaded.engine) as seats:
        fields = body_of(body)
        desk.check_model(fields)
        wanted = _wanted(fields, loaded)
        desk.check_left(fields, exchange)
        inputs = [await _tokens_of_one(loaded, each) for each in wanted.inputs]
        answers = exchange.answers = desk.answers(seats)
        work = _Work(seats, answers, desk.state.settings, began)
        watch = asyncio.create_task(until_gone(exchange, answers.abandon))
        if exchange.last_word:
            exchange.when_half_closed(answers.stop)
        usage = None
        try:
            vectors = await work.vectors(inputs)
            if vectors is None:
                usage = await work.usage()
        finally:
            await cancelled(watch)
            answers.abandon()
        if usage is not None:
            await exchange.reply(CUT, cut_answer(usage))
        if vectors is not None:
            await exchange.reply(200, _body(desk.state.settings.alias, vectors, inputs, as_text=wanted.as_text))


def _wanted(fields: Fields, loaded: Loaded) -> _Wanted:
    fields.needs("input")
    inputs = prompts_of(fields.take("input"), "input", loaded.model.n_vocab, _MOST_INPUTS)
    form = fields.word("encoding_format", ("float", "base64"))
    fields.only("dimensions", loaded.model.embedding_width, "the vectors of this model cannot be cut")
    for name in WITHOUT_EFFECT:
        fields.take(name)
    return _Wanted(inputs, form == "base64")


async def _tokens_of_one(loaded: Loaded, given: Prompt) -> Tokens:
    # Each alone takes no time worth another thread, and all together can be megabytes.
    await asyncio.sleep(0)
    tokens = await tokenized(loaded.model, given, "input") if isinstance(given, str) else given
    if not len(tokens):
        raise bad_field("input", "is empty")
    if len(tokens) > loaded.model.context_per_slot:
        raise too_long(len(tokens), loaded.model.context_per_slot, "input", answer=0)
    return tokens


class _Work:
    """The inputs of one request: no more at a time than are computed at once, so that others have their turn."""

    def __init__(self, seats: Seats, answers: Answers, settings: Settings, began: float) -> None:
        self._seats = seats
        self._answers = answers
        self._settings = settings
        self._began = began
        self._vectors: dict[int, Vector] = {}

    async def vectors(self, inputs: Sequence[Tokens]) -> list[Vector] | None:
        """None: nobody wants them any more."""
        for at, tokens in enumerate(inputs):
            patience = None if at else self._settings.queue_seconds
            while not self._submitted(
                Job(f"embed-{at}", tokens, 1, Sampling(), sink=Answers.unexpected, patience=patience)
            ):
                if not await self._some():
                    return None
        while len(self._vectors) < len(inputs):
            if not await self._some():
                return None
        return [self._vectors[index] for index in range(len(inputs))]

    def _submitted(self, job: Job) -> bool:
        running = len(self._answers.running())
        if running == self._settings.parallel:
            return False
        try:
            submit(job, self._seats, self._answers, self._began)
        except ApiError as error:
            # One that is at work is enough to go on.
            if running and error.status == 429:
                return False
            raise
        return True

    async def _some(self) -> bool:
        news = await self._answers.news()
        for index, delta in news:
            if error := trouble(delta):
                raise error
            if delta.embedding is not None:
                self._vectors[index] = delta.embedding
        return bool(news) and not self._answers.stopped

    async def usage(self) -> Mapping[str, Any] | None:
        """Of what was stopped, as soon as nothing runs any more; None where nobody asks for that either."""
        while self._answers.running() and not self._answers.abandoned:
            await self._answers.news()
        return None if self._answers.abandoned else usage_of(self._answers.all, 1)


def _body(model: str, vectors: Sequence[Vector], inputs: Sequence[Tokens], *, as_text: bool) -> bytes:
    tokens = sum(map(len, inputs))
    data = [
        {"object": "embedding", "index": index, "embedding": _in_text(each) if as_text else each}
        for index, each in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    body: dict[str, Any] = {"object": "list", "data": data, "model": model, "usage": usage}
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def _in_text(vector: Vector) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
