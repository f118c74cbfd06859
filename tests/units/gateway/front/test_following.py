"""A gateway that follows an operator, over real TLS on loopback."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from aiohttp import WSCloseCode

from plimsoll.gateway import listening
from plimsoll.gateway.dialling import Reason
from plimsoll.gateway.routing_file import Trouble
from plimsoll.gateway.settings import Auth
from plimsoll.gateway.state import Routes, routes_of
from plimsoll.routing.conversation import Load, ModelLoad
from plimsoll.routing.document import SCHEMA, Document, Version
from plimsoll.routing.encoding import encode
from tests.support.followers import Harbour, paced, told
from tests.support.played_operator import until, update
from tests.support.routing_documents import document, model

NEWER = b'{"message":"document","schema":%d}' % (SCHEMA + 1)


def numbered(sequence: int, *names: str, epoch: int = 1) -> Document:
    return document(*map(model, names), version=Version(epoch=epoch, sequence=sequence))


ONE, TWO, THREE = numbered(1, "a/x"), numbered(2, "a/x", "a/y"), numbered(3, "a/y")


class Slow:
    """A step that takes its time."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def compile(self, made: Document) -> Routes:
        self.begun.set()
        assert self.go_on.wait(30)
        return routes_of(made, Auth.REQUIRED)


def test_the_whole_document_comes_first_and_then_each_change(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        async with harbour.follower(operator.port) as follower:
            await until(lambda: follower.last == ONE, "the document is there")
            assert follower.line.connected
            await operator.publish(TWO)
            await operator.publish(THREE)
            await until(lambda: follower.last == THREE, "the changes are there")
        assert operator.agains == 0
        assert len(operator.lines) == 1
        assert not follower.line.connected

    told(tmp_path, story)


def test_what_was_missed_is_asked_for(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        async with harbour.follower(operator.port) as follower:
            await until(lambda: follower.last == ONE, "the document is there")
            operator.document = THREE
            await operator.say(update(TWO, THREE))
            await until(lambda: follower.last == THREE, "the whole document is there")
        assert (operator.agains, len(operator.lines)) == (1, 1)

    told(tmp_path, story)


def test_a_flood_of_changes_is_taken_in_few_steps(tmp_path: Path) -> None:
    """While one step is being made, everything else waits to be the next one."""
    documents = [numbered(at, *(f"a/m{number}" for number in range(at))) for at in range(1, 200)]

    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(documents[0])
        slow = Slow()
        async with harbour.follower(operator.port) as follower:
            follower.compile = slow.compile
            await until(slow.begun.is_set, "the document is there")
            for each in documents[1:]:
                await operator.publish(each)
            # The answer to its call is a word, too.
            await until(lambda: follower.line.words > len(documents), "all have come")
            slow.go_on.set()
            await until(lambda: follower.last == documents[-1], "the last one is there")
            assert len(follower.served) == 2

    told(tmp_path, story)


def test_who_keeps_silent_is_left_and_called_again(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        async with harbour.follower(operator.port, pace=paced(silence=0.2)) as follower:
            await until(lambda: follower.reasons[Reason.SILENT] >= 2, "it was left twice")
            await until(lambda: follower.last == ONE, "it was heard all the same")
        assert len(operator.lines) >= 2

    told(tmp_path, story)


def test_whoever_has_just_lost_an_operator_looks_for_the_next_one_again_and_again(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        pace = paced(longest=3600.0, longest_waiting=0.01)
        async with harbour.follower(operator.port, pace=pace) as follower:
            await until(lambda: follower.last == ONE, "it is followed")
            await operator.stop()
            # Each pause twice as long as the one before, these alone would be more than a day.
            await until(lambda: follower.reasons[Reason.UNREACHABLE] >= 24, "it was looked for")

    told(tmp_path, story)


def test_a_ping_is_a_word(tmp_path: Path) -> None:
    silence = 2.0

    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        operator.pings = 0.1
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with harbour.follower(operator.port, pace=paced(silence=silence)) as follower:
            await until(lambda: loop.time() > begun + 1.5 * silence, "more time than its patience is over")
            assert follower.line.age < silence
        assert not follower.reasons[Reason.SILENT]
        assert len(operator.lines) == 1

    told(tmp_path, story)


def test_a_newer_schema_leaves_the_last_good_document_in_force(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        async with harbour.follower(operator.port) as follower:
            await until(lambda: follower.last == ONE, "the document is there")
            await operator.say(NEWER)
            await until(lambda: follower.refused[Trouble.TOO_NEW], "it is told")
            assert follower.last == ONE
            assert follower.line.connected
            # The operator was put back to the version before.
            await operator.say(encode(TWO))
            await until(lambda: follower.last == TWO, "what can be read is read")

    told(tmp_path, story)


def test_a_damaged_message_ends_the_line_and_the_next_one_is_whole(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        async with harbour.follower(operator.port) as follower:
            await until(lambda: follower.last == ONE, "the document is there")
            operator.document = TWO
            await operator.say(update(ONE, TWO)[:-3])
            await until(lambda: follower.last == TWO, "it has called again")
        assert follower.refused == {Trouble.DAMAGED: 1}
        assert follower.reasons[Reason.DAMAGED] == 1

    told(tmp_path, story)


def test_a_new_leader_begins_with_a_whole_document_of_a_higher_epoch(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(THREE)
        async with harbour.follower(operator.port) as follower:
            await until(lambda: follower.last == THREE, "the document is there")
            await operator.stop()
            await until(lambda: follower.reasons[Reason.UNREACHABLE], "nobody is there")
            assert follower.reasons[Reason.CLOSED] == 1
            assert not follower.line.connected
            new = numbered(1, "a/x", epoch=2)
            await harbour.operator(new, port=operator.port)
            await until(lambda: follower.last == new, "the new leader is followed")

    told(tmp_path, story)


def test_a_lower_epoch_is_not_served_by_and_its_changes_are_put_on_nothing_else(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        known = numbered(2, "a/x", epoch=3)
        operator = await harbour.operator(known)
        async with harbour.follower(operator.port) as follower:
            await until(lambda: follower.last == known, "the document is there")
            await operator.stop()
            first = numbered(1, "a/y", epoch=2)
            older = await harbour.operator(first, port=operator.port)
            await until(lambda: follower.refused[Trouble.OLDER], "it is told")
            for sequence in (2, 3):
                await older.publish(numbered(sequence, "a/y", f"a/z{sequence}", epoch=2))
            # The next one has the very number that would follow what is served by, and another past.
            await older.say(update(first, numbered(3, "a/q", epoch=3)))
            await until(lambda: older.agains, "it is a gap in what this operator has said")
            assert follower.last == known
            assert follower.refused == {Trouble.OLDER: 1}
            assert follower.line.connected
            newest = numbered(4, "a/y", epoch=3)
            await older.say(encode(newest))
            await until(lambda: follower.last == newest, "what is newer is served by")

    told(tmp_path, story)


def test_what_was_said_before_a_line_broke_is_not_lost(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        slow = Slow()
        async with harbour.follower(operator.port) as follower:
            follower.compile = slow.compile
            await until(slow.begun.is_set, "the document is there")
            await operator.publish(TWO)
            await operator.stop()
            slow.go_on.set()
            await until(lambda: follower.last == TWO, "the last word counts")

    told(tmp_path, story)


def test_the_operator_hears_a_goodbye_and_how_much_there_is_to_do(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        load = Load(models={"a/x": ModelLoad(running=3, waiting=1)})
        async with harbour.follower(operator.port) as follower:
            follower.load = load
            await until(lambda: load.models in [each.models for each in operator.loads], "the load is told")
            await until(lambda: follower.last == ONE, "the document is there")
        await until(lambda: operator.codes, "the line has ended")
        assert operator.codes == [WSCloseCode.GOING_AWAY]
        assert len(operator.lines) == 1

    told(tmp_path, story)


def test_the_operator_hears_at_once_what_is_served_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "LOAD_EVERY", 3600.0)

    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        async with harbour.follower(operator.port) as follower:
            await until(lambda: operator.loads[-1:] == [Load(models={}, serves=ONE.version)], "the first is told")
            await operator.publish(TWO)
            await until(lambda: operator.loads[-1] == Load(models={}, serves=TWO.version), "the second is told")
            assert follower.last == TWO

    told(tmp_path, story)


def test_whatever_goes_wrong_it_is_tried_again(tmp_path: Path) -> None:
    async def story(harbour: Harbour) -> None:
        operator = await harbour.operator(ONE)
        failures = iter([ValueError("nobody has thought of this")])

        def fail_once(made: Document) -> Routes:
            for failure in failures:
                raise failure
            return routes_of(made, Auth.REQUIRED)

        async with harbour.follower(operator.port) as follower:
            follower.compile = fail_once
            await until(lambda: follower.last == ONE, "the document is there")
        assert len(operator.lines) >= 2

    told(tmp_path, story)
