"""The copy between the start of a gateway and the first word of an operator."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from plimsoll.gateway.cold_start import Copy
from plimsoll.gateway.routing_file import Trouble
from plimsoll.routing.copies import pack, without_pods
from plimsoll.routing.document import SCHEMA, Document, Version
from tests.support.followers import Harbour, paced, told
from tests.support.played_operator import free_port, until
from tests.support.routing_documents import document, model


def numbered(sequence: int, *names: str, epoch: int = 1) -> Document:
    return document(*map(model, names), version=Version(epoch=epoch, sequence=sequence))


ONE, TWO, THREE = numbered(1, "a/x"), numbered(2, "a/x", "a/y"), numbered(3, "a/y")


def test_without_an_operator_the_copy_is_served_by_until_one_answers(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        port = free_port()
        copied = without_pods(TWO)
        (harbour.copy / "piece").write_bytes(pack(copied)[0])
        async with harbour.follower(port, copy=True) as follower:
            await until(lambda: follower.last == copied, "the copy is served by")
            assert not follower.line.connected
            await harbour.operator(TWO, port=port)
            await until(lambda: follower.last == TWO, "the operator says more of the same version")
            newer = numbered(9, "a/old", epoch=1)
            (harbour.copy / "piece").write_bytes(pack(newer)[0])
            await harbour.operators[-1].publish(THREE)
            await until(lambda: follower.last == THREE, "the operator counts")
        assert follower.served == [copied, TWO, THREE]

    told(tmp_path, story)


def test_a_newer_copy_takes_the_place_of_an_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(harbour: Harbour) -> None:
        piece, looks = harbour.copy / "piece", 0
        look = Copy.look

        def count(copy: Copy) -> Document | None:
            nonlocal looks
            looks += 1
            return look(copy)

        monkeypatch.setattr(Copy, "look", count)
        async with harbour.follower(free_port(), copy=True) as follower:
            for content in (TWO, ONE, THREE):
                new = piece.with_suffix(".new")
                new.write_bytes(pack(content)[0])
                new.rename(piece)
                before = looks
                # When the second one begins, what the first one found is done with.
                await until(lambda: looks >= before + 3, "it was looked at")  # noqa: B023
        assert follower.served == [TWO, THREE]

    told(tmp_path, story)


@pytest.mark.parametrize(
    ("content", "trouble"),
    [(b"plimsoll-routing-copy {}", Trouble.DAMAGED_COPY), (None, Trouble.TOO_NEW)],
)
def test_a_copy_that_cannot_be_used_is_set_aside_until_the_operator_answers(
    tmp_path: Path, content: bytes | None, trouble: Trouble
) -> None:
    async def story(harbour: Harbour) -> None:
        (harbour.copy / "piece").write_bytes(content or pack(replace(TWO, schema=SCHEMA + 1))[0])
        port = free_port()
        async with harbour.follower(port, copy=True) as follower:
            await until(lambda: follower.refused[trouble], "it is told")
            assert not follower.served
            await harbour.operator(ONE, port=port)
            await until(lambda: follower.last == ONE, "the document is there")
        assert follower.refused == {trouble: 1}
        assert follower.served == [ONE]

    told(tmp_path, story)


def test_an_operator_that_answers_in_time_comes_before_the_copy(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        (harbour.copy / "piece").write_bytes(pack(THREE)[0])
        async with harbour.follower(operator.port, pace=paced(cold=60.0), copy=True) as follower:
            await until(lambda: follower.last == ONE, "the document is there")
        assert follower.served == [ONE]

    told(tmp_path, story)
