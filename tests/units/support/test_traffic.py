"""Callers ask when it was planned, leave when they want, and the stock client is judged like the plain ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.counting_upstream.asked import marked
from tests.support.counting_upstream.process import CountingUpstream, counting_upstream
from tests.support.counting_upstream.script import HEAD, WORDS, Script, Trouble
from tests.support.traffic import load, stock
from tests.support.traffic.load import Report
from tests.support.traffic.question import COMPLETIONS, Question, Wanted, chat, streamed
from tests.support.traffic.raw import Callers
from tests.support.traffic.verdict import Kind, Verdict, judge
from tests.support.waiting import wait_until

WANTED = Wanted("".join(WORDS))


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingUpstream]:
    with counting_upstream("openai", tmp_path_factory.mktemp("upstream")) as upstream:
        yield upstream


def driven(upstream: CountingUpstream, questions: list[Question], rate: float) -> Report:
    return asyncio.run(load.drive(Callers("127.0.0.1", upstream.port), questions, rate))


def stream(case: str, **more: Any) -> Question:
    return Question(streamed("boat", marked(case)), WANTED, **more)


def test_every_kind_of_answer_is_counted(upstream: CountingUpstream) -> None:
    upstream.script(Script(status=503), case="down")
    upstream.script(Script(trouble=Trouble.CLOSE, at=3), case="cut")
    cases = [stream("fine")] * 3 + [stream("down")] * 2 + [stream("cut"), stream("fine", leave_after=1)]
    report = driven(upstream, cases, rate=1000)
    assert report.kinds == {Kind.RIGHT: 3, Kind.CLEAN_ERROR: 2, Kind.LIE: 1, Kind.LEFT: 1}
    assert report.lies == ["cut without an error event"]


def test_questions_are_asked_when_planned_although_the_first_is_not_answered(upstream: CountingUpstream) -> None:
    async def drive() -> Report:
        questions = [stream(f"open-{number}") for number in range(4)]
        driving = asyncio.create_task(load.drive(Callers("127.0.0.1", upstream.port), questions, rate=200))
        await asyncio.to_thread(upstream.wait_ended, "open-3")
        assert upstream.requests("open-0")[0].running
        upstream.let("the first")
        return await driving

    upstream.script(Script(holds={HEAD: "the first"}), case="open-0")
    report = asyncio.run(drive())
    planned = sorted(each.heard.planned for each in report.told)
    assert [round(later - planned[0], 6) for later in planned] == [0, 0.005, 0.01, 0.015]
    # Whoever waited for an answer waited from the moment that was planned.
    assert report.seconds(1) == max(each.heard.ended - each.heard.planned for each in report.told)
    assert report.seconds(0) < report.seconds(1)


def test_connections_are_used_again(upstream: CountingUpstream) -> None:
    async def ask_twice() -> None:
        callers = Callers("127.0.0.1", upstream.port)
        for _ in range(2):
            assert (await callers.ask(stream("kept"))).whole
        assert len(callers.idle) == 1
        callers.close()

    asyncio.run(ask_twice())


@pytest.mark.parametrize("words", [0, 1, 5])
def test_a_caller_hears_no_more_words_than_it_wants(upstream: CountingUpstream, words: int) -> None:
    upstream.script(Script(holds={words: "never"}), case=f"leave-{words}")
    report = driven(upstream, [stream(f"leave-{words}", leave_after=words)], rate=1)
    assert report.told[0].heard.words == words
    assert report.kinds == {Kind.LEFT: 1}


def test_a_caller_that_does_not_read_holds_the_upstream_up(upstream: CountingUpstream) -> None:
    async def read_slowly() -> None:
        callers = Callers("127.0.0.1", upstream.port)
        call = await callers.begin(stream("slow"))
        await call.hear(words=1)
        sent = [0]

        def stands_still() -> bool:
            sent.append(upstream.total("slow").completion)
            return 1 < sent[-1] == sent[-2]

        await asyncio.to_thread(wait_until, stands_still, 30, "the upstream waits for its caller")
        assert sent[-1] < 4_000
        assert (await call.hear()).words == 4_000
        callers.end(call)
        callers.close()

    upstream.script(Script(words=("a long word " * 500,) * 4_000), case="slow")
    asyncio.run(read_slowly())


def asked_by_stock(upstream: CountingUpstream, *questions: Question) -> list[Verdict]:
    heard = asyncio.run(stock.ask(upstream.base, questions))
    return [judge(each, question.wanted) for each, question in zip(heard, questions, strict=True)]


def test_the_stock_client_is_judged_by_what_it_lets_through(upstream: CountingUpstream) -> None:
    usage = Wanted(WANTED.text, usage=(11, len(WORDS)))
    verdicts = asked_by_stock(
        upstream,
        stream("s"),
        Question(chat("boat", "c"), WANTED),
        Question(streamed("boat", "u", usage=True), usage),
        Question(chat("boat", "u"), usage),
        Question({"model": "boat", "prompt": "p"}, WANTED, COMPLETIONS),
        Question({"model": "boat", "prompt": "p", "stream": True}, WANTED, COMPLETIONS),
        stream("s", leave_after=2),
        Question(streamed("boat", "another"), Wanted("another text")),
    )
    assert [each.kind for each in verdicts] == [Kind.RIGHT] * 6 + [Kind.LEFT, Kind.LIE]


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (Script(status=429), Kind.CLEAN_ERROR),
        (Script(status=502, body=b"<html>", content_type="text/html"), Kind.LIE),
        (Script(trouble=Trouble.ERROR, at=2), Kind.CLEAN_ERROR),
        (Script(trouble=Trouble.CLOSE, at=2), Kind.LIE),
        (Script(trouble=Trouble.RESET, at=2), Kind.LIE),
        (Script(trouble=Trouble.EARLY_END, at=2), Kind.LIE),
        (Script(trouble=Trouble.BROKEN_JSON, at=2), Kind.LIE),
        # The client does not tell whether [DONE] has come; only a caller of plain sockets knows.
        (Script(trouble=Trouble.NO_DONE), Kind.RIGHT),
        (Script(trouble=Trouble.RESET, at=HEAD), Kind.NO_ANSWER),
    ],
    ids=lambda value: f"{value.trouble or value.status}-at-{value.at}" if isinstance(value, Script) else value,
)
def test_the_stock_client_is_judged_when_things_go_wrong(
    upstream: CountingUpstream, script: Script, kind: Kind
) -> None:
    case = f"stock-{script.trouble}-{script.status}-{script.at}"
    upstream.script(script, case=case)
    (verdict,) = asked_by_stock(upstream, stream(case))
    assert verdict.kind is kind, verdict
