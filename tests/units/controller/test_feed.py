"""Gateways, and nobody else, get the routing document and every step after it."""

from __future__ import annotations

import logging

import aiohttp
import pytest
from msgspec.structs import replace

from plimsoll.controller.feed import CannotListen, Door
from plimsoll.controller.feeding import Feeding
from plimsoll.controller.line import Encoded
from plimsoll.routing.changes import Update, apply
from plimsoll.routing.conversation import Again, say
from plimsoll.routing.document import Document, Provider
from plimsoll.routing.entry import Secret
from tests.support.feeds import SECONDS, Fed, heard, play
from tests.support.home import HOME
from tests.support.routing_documents import document, model, served


def after(before: Document, **new: object) -> Document:
    return replace(before, version=before.version.next(), **new)


def canary() -> Document:
    provider = Provider(base_url="https://api.example.com/v1", credential=Secret("canary-credential"))
    return document(model(state=served(upstream=provider)))


def test_a_gateway_gets_the_document_and_then_each_step_in_its_turn() -> None:
    async def scenario(made: Fed) -> None:
        documents = [canary()]
        made.table.put(documents[0])
        line = await made.connect()
        assert await heard(line) == documents[0]
        known = documents[0]
        for number in range(2, 5):
            documents.append(after(documents[-1], gateways=number))
            made.table.put(documents[-1])
        for wanted in documents[1:]:
            step = await heard(line)
            assert isinstance(step, Update)
            known = apply(known, step)
            assert known == wanted

    play(scenario)


def test_a_new_epoch_begins_with_the_whole_document() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        line = await made.connect()
        await heard(line)
        later = replace(document(model()), version=replace(document().version, epoch=2))
        made.table.put(later)
        assert await heard(line) == later

    play(scenario)


def test_who_has_missed_something_gets_the_whole_document_again() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document(model()))
        line = await made.connect()
        await heard(line)
        await line.send_str(say(Again()).decode())
        assert await heard(line) == made.table.current
        # And then steps once more.
        made.table.put(after(document(model()), gateways=2))
        assert isinstance(await heard(line), Update)

    play(scenario)


def test_every_gateway_is_told() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        lines = [await made.connect() for _ in range(3)]
        for line in lines:
            await heard(line)
        made.table.put(after(document(), gateways=3))
        assert len({repr(await heard(line)) for line in lines}) == 1
        assert made.feed.gateways == 3

    play(scenario)


def test_what_is_sent_to_many_is_encoded_once() -> None:
    encoded, whole = Encoded(), document(model())
    step = Update(schema=1, version=whole.version.next(), changes=())
    assert encoded.of(whole) is encoded.of(whole)
    assert encoded.of(step) is encoded.of(step)
    assert encoded.of(after(whole)) != encoded.of(whole)


def test_only_the_token_of_a_gateway_opens_it() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        made.home.admit("for-somebody-else", audience="https://kubernetes.default.svc")
        made.home.admit("of-a-stranger", account=f"system:serviceaccount:{HOME}:default")
        made.home.admit("of-a-namesake", account="system:serviceaccount:default:plimsoll-gateway")
        refused: list[int] = []
        made.feed.refused = refused.append
        tokens = ["", "unknown", "for-somebody-else", "of-a-stranger", "of-a-namesake", "good"]
        assert [await made.refusal(token) for token in tokens] == [401, 401, 401, 403, 403, 101]
        assert refused == [401, 401, 401, 403, 403]
        assert {tuple(each["spec"]["audiences"]) for each in made.home.questions} == {("plimsoll-routing",)}

    play(scenario)


def test_without_a_token_the_api_server_is_not_even_asked() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        for headers in ({}, {"Authorization": "Basic Z29vZA=="}, {"Authorization": "Bearer"}):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await made.session.ws_connect(made.url, headers=headers, ssl=made.trusting())
            assert refused.value.status == 401
        assert made.home.questions == []

    play(scenario)


def test_what_is_no_websocket_is_turned_away() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        address = made.url.replace("wss:", "https:")
        async with made.session.get(address, headers={"Authorization": "Bearer good"}, ssl=made.trusting()) as answer:
            assert answer.status == 426
        async with made.session.get(f"{address}/more", ssl=made.trusting()) as answer:
            assert answer.status == 404
        assert made.feed.gateways == 0

    play(scenario)


def test_before_there_is_a_document_and_when_somebody_else_leads_a_gateway_is_sent_on() -> None:
    async def scenario(made: Fed) -> None:
        assert await made.refusal() == 503
        made.table.put(document())
        assert await made.refusal() == 101
        made.lease.mine = False
        assert await made.refusal() == 503

    play(scenario)


def test_while_the_api_server_is_away_nobody_new_gets_in_and_lines_stay() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        line = await made.connect()
        await heard(line)
        made.home.away = True
        made.home.admit("other")
        assert await made.refusal("other") == 503
        made.table.put(after(document(), gateways=2))
        assert isinstance(await heard(line), Update)
        made.home.away = False
        assert await made.refusal("other") == 101

    play(scenario)


def test_a_port_that_is_taken_ends_the_process_with_words() -> None:
    async def scenario(made: Fed) -> None:
        door = Door("127.0.0.1", made.feed.port)
        feeding = Feeding(made.home, HOME, made.table, made.lease.may_serve, door)
        with pytest.raises(CannotListen, match="cannot be served on") as refused:
            await feeding.run()
        assert "--feed-port" in refused.value.fix

    play(scenario)


def test_a_new_authority_is_for_new_lines_and_open_ones_stay() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        line = await made.connect()
        await heard(line)
        old = made.trusting()
        made.home.objects.clear()
        await made.certificates.look()
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await made.session.ws_connect(made.url, headers={"Authorization": "Bearer good"}, ssl=old)
        assert await heard(await made.connect()) == made.table.current
        made.table.put(after(document(), gateways=2))
        assert isinstance(await heard(line), Update)

    play(scenario)


def test_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(canary())
        made.home.admit("canary-token", pod="gateway-7")
        line = await made.connect("canary-token")
        await heard(line)
        await line.send_str(say(Again()).decode())
        await heard(line)
        await line.send_str("canary-word")
        await line.receive(timeout=SECONDS)
        assert await made.refusal("canary-unknown") == 401
        made.home.away = True
        assert await made.refusal("canary-away") == 503

    with caplog.at_level(logging.DEBUG):
        play(scenario)
    assert "gateway-7" in caplog.text
    assert "canary" not in caplog.text
