"""Whom a gateway follows, and what it shows: addresses, certificates and tokens."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from plimsoll.gateway.dialling import Reason
from plimsoll.routing.document import Document, Version
from tests.support.followers import Harbour, told
from tests.support.played_operator import Papers, until
from tests.support.routing_documents import document, model


def numbered(sequence: int, *names: str, epoch: int = 1) -> Document:
    return document(*map(model, names), version=Version(epoch=epoch, sequence=sequence))


ONE, TWO = numbered(1, "a/x"), numbered(2, "a/x", "a/y")


def test_who_refuses_is_passed_over_and_the_next_address_is_asked(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        refusing = await harbour.operator(TWO)
        leading = await harbour.operator(ONE, "127.0.0.2", refusing.port)
        for status in (401, 403, 503, 418):
            refusing.refuses = status
            async with harbour.follower(refusing.port, "127.0.0.1", "127.0.0.2") as follower:
                await until(lambda: follower.last == ONE, "the second address has answered")
        assert len(refusing.tokens) == len(leading.tokens) == 4

    told(tmp_path, story)


def test_a_refusal_is_told_in_words_once_and_without_the_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        harbour.papers.show("canary-0123456789")
        for status, reason in ((401, Reason.UNAUTHORIZED), (403, Reason.FORBIDDEN), (503, Reason.NOT_LEADING)):
            operator.refuses = status
            async with harbour.follower(operator.port) as follower:
                await until(lambda: follower.reasons[reason] >= 3, f"{reason} is told")  # noqa: B023
                assert not follower.served

    with caplog.at_level(logging.DEBUG):
        told(tmp_path, story)
    for words in ("does not accept the token", "its account may not follow", "does not lead"):
        assert len([each for each in caplog.messages if words in each]) == 1
    assert "canary-0123456789" not in caplog.text


def test_the_token_and_the_ca_are_read_for_each_connection(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        async with harbour.follower(operator.port) as follower:
            await until(lambda: follower.last == ONE, "the document is there")
            (tmp_path / "renewed").mkdir()
            renewed = Papers(tmp_path / "renewed")
            harbour.papers.certificate.write_bytes(renewed.certificate.read_bytes())
            harbour.papers.show("another token")
            port = operator.port
            await operator.stop()
            again = await harbour.operator(TWO, port=port)
            await until(lambda: follower.last == TWO, "the renewed operator is followed")
        assert operator.tokens == ["Bearer a-token"]
        assert again.tokens == ["Bearer another-token"]

    told(tmp_path, story)


def test_who_is_not_the_one_that_the_ca_knows_hears_no_token(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        (tmp_path / "other").mkdir()
        harbour.papers.certificate.write_bytes(Papers(tmp_path / "other").certificate.read_bytes())
        async with harbour.follower(operator.port) as follower:
            await until(lambda: follower.reasons[Reason.UNTRUSTED], "it is not trusted")
        assert not operator.tokens

    told(tmp_path, story)


def test_a_gateway_may_start_before_its_files_are_there(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        ca, token = harbour.papers.certificate, harbour.papers.token
        certificate = ca.read_bytes()
        ca.unlink()
        token.unlink()
        async with harbour.follower(operator.port) as follower:
            await until(lambda: follower.reasons[Reason.UNPREPARED] >= 1, "there is no token")
            token.write_text("two words\n")
            ca.write_bytes(b"")
            before = follower.reasons[Reason.UNPREPARED]
            await until(lambda: follower.reasons[Reason.UNPREPARED] > before + 1, "there is no certificate")
            ca.write_bytes(certificate)
            before = follower.reasons[Reason.UNPREPARED]
            await until(lambda: follower.reasons[Reason.UNPREPARED] > before + 1, "there is no token in the file")
            harbour.papers.show("a token")
            await until(lambda: follower.last == ONE, "the document is there")

    told(tmp_path, story)
