"""Answers of a real engine through a real gateway, cut at any moment: the records have what the engine counted."""

from __future__ import annotations

import random
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import reduce

import orjson

from plimsoll.cost.record import CountSource, Outcome, Tokens
from plimsoll.routing.document import Endpoint, Hosted
from plimsoll.routing.limits import Limits
from tests.support.engine_process import EngineProcess
from tests.support.form import Form
from tests.support.gateways import KEY, GatewayProcess, StartGateway, opened
from tests.support.routing_documents import served
from tests.support.waiting import wait_until


def counted(engine: EngineProcess) -> dict[str, float]:
    names = ("prompt_tokens", "cached_tokens", "completion_tokens")
    return {name: engine.metric(f"plimsoll_engine_{name}_total") for name in names}


def cut(gateway: GatewayProcess, number: int, rng: random.Random) -> None:
    """Goes away after some bytes, or has all of it."""
    fields = {
        "model": "team-a/chat",
        "prompt": f"balu {number} " * rng.randint(1, 20),
        "max_tokens": rng.randint(1, 200),
        "stream": rng.random() < 0.7,
    }
    body = orjson.dumps(fields)
    head = f"POST /v1/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        client.sendall(head.encode() + b"connection: close\r\n\r\n" + body)
        left = rng.choice((1, 400, 2000, 8000, 1 << 20))
        if not fields["stream"] and left < 8000:
            # Nothing comes before all of it does.
            client.settimeout(rng.random() / 10)
        with suppress(TimeoutError):
            while left > 0 and (data := client.recv(left)):
                left -= len(data)


def test_g08_answers_of_our_own_engine_are_counted_wherever_they_are_cut(
    running_engine: EngineProcess, start_gateway: StartGateway, form: Form
) -> None:
    count = form.count(small=60, large=2000)
    address = f"127.0.0.1:{running_engine.port}"
    pod = Hosted(endpoints=(Endpoint(name="pod-0", address=address),), service=address)
    gateway = start_gateway(opened(served(upstream=pod, target="boat", context=512, limits=Limits(concurrency=100))))
    before = counted(running_engine)
    with ThreadPoolExecutor(3) as callers:
        for asked in [
            callers.submit(cut, gateway, number, random.Random(form.seed + number)) for number in range(count)
        ]:
            asked.result()
    wait_until(lambda: not running_engine.metric("plimsoll_engine_slots_busy"), 20, "no slot is busy")
    wait_until(lambda: len(gateway.records()) >= count, 20, "every attempt has its record")
    records = gateway.records()
    assert len(records) == count
    total = reduce(Tokens.__add__, (each.tokens for each in records))
    now = counted(running_engine)
    told = {name: now[name] - before[name] for name in now}
    mine = {"prompt_tokens": total.prompt, "cached_tokens": total.input_cached, "completion_tokens": total.completion}
    assert mine == told
    assert {each.outcome for each in records} == {Outcome.OK, Outcome.CANCELLED}
    assert {each.source for each in records if each.tokens.total} == {CountSource.ENGINE}
