"""From a request for text to its answer: prompts, jobs, and what they bring."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from plimsoll.runtime.constraints.errors import BadGrammar
from plimsoll.runtime.http.answers import Answers
from plimsoll.runtime.http.desk import Desk
from plimsoll.runtime.http.errors import ApiError, bad_field, too_long
from plimsoll.runtime.http.exchange import Exchange, cancelled, until_gone
from plimsoll.runtime.http.outcome import CUT, cut_answer, trouble
from plimsoll.runtime.http.ports import Constraints, Loaded, Model
from plimsoll.runtime.http.seats import Seats
from plimsoll.runtime.http.wishes import SEEDS, Shape, Wishes
from plimsoll.runtime.http.writing import Collection, Manner, Stream
from plimsoll.runtime.requests import Constraint, Delta, Job, Sampling
from plimsoll.runtime.templates.beginning import beginning

# Shorter texts become tokens faster than another thread takes over.
_SHORT = 4096

Tokens = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Order:
    """What the engine is to do for one request."""

    prompts: Sequence[Tokens]
    wishes: Wishes
    max_tokens: int | None
    top_logprobs: int | None
    shape: Shape | None
    stops: tuple[str, ...]
    began: float
    name: str


async def tokenized(model: Model, text: str, name: str) -> Tokens:
    """With exactly one token that begins a text, where the model has one; never of what is certainly too long."""
    plain = beginning(text, model.bos_text, model.adds_bos)
    if len(plain) <= _SHORT:
        return model.tokenize(plain, special=True, begin=True)
    return await asyncio.to_thread(_tokens_of_long, model, plain, name)


def _tokens_of_long(model: Model, text: str, name: str) -> Tokens:
    least = model.least_tokens(text)
    if least > model.context_per_slot:
        raise too_long(f"at least {least}", model.context_per_slot, name, answer=0)
    return model.tokenize(text, special=True, begin=True)


async def prompt_tokens(model: Model, prompt: str | Tokens, name: str) -> Tokens:
    tokens = await tokenized(model, prompt, name) if isinstance(prompt, str) else prompt
    if not len(tokens):
        raise bad_field(name, "is empty")
    if len(tokens) >= model.context_per_slot:
        raise too_long(len(tokens), model.context_per_slot, name)
    return tokens


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asked, and the seats that were taken for the answers."""

    exchange: Exchange
    seats: Seats


async def generate(desk: Desk, caller: Caller, loaded: Loaded, order: Order, manner: Manner) -> None:
    exchange = caller.exchange
    jobs = await _jobs(order, loaded, desk.state.settings.queue_seconds)
    answers = exchange.answers = desk.answers(caller.seats)
    try:
        for job in jobs:
            submit(job, caller.seats, answers, order.began)
        watch = asyncio.create_task(until_gone(exchange, answers.abandon))
        try:
            if order.wishes.stream:
                if manner.running_usage:
                    exchange.when_half_closed(answers.stop)
                await _stream(exchange, Stream(manner, answers), answers)
            else:
                if exchange.last_word:
                    exchange.when_half_closed(answers.stop)
                await _whole(exchange, Collection(manner, answers), answers)
        finally:
            await cancelled(watch)
    finally:
        answers.abandon()


async def _stream(exchange: Exchange, stream: Stream, answers: Answers) -> None:
    def too_slow() -> None:
        answers.abandon()
        exchange.abort()

    answers.overflowing = too_slow
    news = await answers.news()
    # Until the first news the status can still say what is wrong, and a gateway can still ask another engine.
    if (error := _first_trouble(news)) is not None:
        raise error
    if news:
        await exchange.stream()
    while news:
        await exchange.write(stream.events(news), last=stream.finished)
        if stream.finished:
            return
        news = await answers.news()


async def _whole(exchange: Exchange, collection: Collection, answers: Answers) -> None:
    while not collection.finished:
        news = await answers.news()
        if not news:
            return
        collection.add(news)
    if collection.trouble is not None:
        raise collection.trouble
    if collection.cut:
        await exchange.reply(CUT, cut_answer(collection.usage()))
    else:
        await exchange.reply(200, collection.body())


def _first_trouble(news: Sequence[tuple[int, Delta]]) -> ApiError | None:
    return next((error for _, delta in news if (error := trouble(delta))), None)


async def _jobs(order: Order, loaded: Loaded, patience: float) -> Sequence[Job]:
    """One for each answer. When the first has a slot, the others wait for each other, however long it takes."""
    room = loaded.model.context_per_slot
    return [
        Job(
            id=f"{order.name}-{number}",
            prompt=prompt,
            max_tokens=min(order.max_tokens or room, room - len(prompt)),
            sampling=_seeded(order.wishes.sampling, number % order.wishes.answers),
            sink=Answers.unexpected,
            stops=order.stops,
            constraint=await _constraint(order.shape, loaded.constraints),
            top_logprobs=order.top_logprobs,
            patience=None if number else patience,
        )
        for number, prompt in enumerate(prompt for prompt in order.prompts for _ in range(order.wishes.answers))
    ]


async def _constraint(shape: Shape | None, constraints: Constraints | None) -> Constraint | None:
    if shape is None or constraints is None:
        return None
    try:
        return await shape(constraints)
    except BadGrammar as error:
        raise ApiError(400, f"{error.message}. {error.fix}", code="bad_grammar") from None


def submit(job: Job, seats: Seats, answers: Answers, began: float) -> None:
    answers.expect(job, began)
    try:
        seats.submit(job)
    except ApiError:
        answers.refused()
        raise


def _seeded(sampling: Sampling, number: int) -> Sampling:
    """Several answers to one prompt differ, also where the client has given a seed."""
    if sampling.seed is None or number == 0:
        return sampling
    return replace(sampling, seed=(sampling.seed + number) % SEEDS)
