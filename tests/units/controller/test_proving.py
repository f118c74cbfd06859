"""A pod is asked for one token until it answers or is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from plimsoll.controller.background import Background
from plimsoll.controller.proving import Prover
from plimsoll.plan.observed import Key, Object, Proof, ProofResult
from plimsoll.plan.plan import ProofRequest
from tests.support.toy_server import Answer, Asked, ToyServer, answering, toy_server

_CHAT = Key("team", "chat")
_PODS: list[Object] = [{"metadata": {"uid": "u-1"}}]


def _play(
    answer: Answer, scene: Callable[[Prover, ToyServer, asyncio.Event], Awaitable[None]], *, embeds: bool = False
) -> None:
    async def main() -> None:
        told, background = asyncio.Event(), Background()
        async with toy_server(answer) as server, aiohttp.ClientSession() as session:
            prover = Prover(session, background, lambda _: told.set())
            address = urlsplit(server.url)
            prover.start(_CHAT, [ProofRequest("u-1", str(address.hostname), int(address.port or 0), embeds)])
            assert prover.results(_CHAT, _PODS)["u-1"].proof is Proof.RUNNING
            async with asyncio.timeout(10):
                await scene(prover, server, told)
        await background.close()

    asyncio.run(main())


def test_a_pod_that_answers_has_proved_itself() -> None:
    async def scene(prover: Prover, server: ToyServer, told: asyncio.Event) -> None:
        await told.wait()
        assert prover.results(_CHAT, _PODS) == {"u-1": ProofResult(Proof.GIVEN)}
        (asked,) = server.asked
        assert (asked.method, asked.path) == ("POST", "/v1/completions")
        assert asked.body["max_tokens"] == 1

    _play(answering({"choices": []}), scene)


def test_a_pod_that_makes_no_text_is_asked_for_a_vector() -> None:
    async def scene(prover: Prover, server: ToyServer, told: asyncio.Event) -> None:
        await told.wait()
        assert [asked.path for asked in server.asked] == ["/v1/embeddings"]
        assert server.asked[0].body == {"input": "Hello"}

    _play(answering({"data": []}), scene, embeds=True)


def test_a_pod_that_refuses_is_told_with_its_words_and_asked_again() -> None:
    async def scene(prover: Prover, server: ToyServer, told: asyncio.Event) -> None:
        await told.wait()
        result = prover.results(_CHAT, _PODS)["u-1"]
        assert result.proof is Proof.REFUSED
        assert "500" in result.message
        assert "no CUDA" in result.message
        assert len(server.asked) == 1

    _play(answering({"error": "no CUDA"}, 500), scene)


def test_a_pod_that_is_gone_is_asked_no_more() -> None:
    async def scene(prover: Prover, server: ToyServer, told: asyncio.Event) -> None:
        await told.wait()
        assert prover.results(_CHAT, []) == {}
        assert prover.results(_CHAT, _PODS) == {}

    _play(answering({}, 503), scene)


def test_nobody_is_led_away_from_the_pod() -> None:
    async def answer(asked: Asked) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("http://192.0.2.1/")

    async def scene(prover: Prover, server: ToyServer, told: asyncio.Event) -> None:
        await told.wait()
        assert "307" in prover.results(_CHAT, _PODS)["u-1"].message

    _play(answer, scene)
