"""Whatever a script breaks is broken on the wire just so, and callers judge it for what it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.counting_upstream.asked import marked
from tests.support.counting_upstream.counters import Seen
from tests.support.counting_upstream.process import CountingUpstream, counting_upstream
from tests.support.counting_upstream.script import HEAD, WORDS, Script, Trouble
from tests.support.counting_upstream.shapes import SHAPES
from tests.support.traffic.heard import Heard
from tests.support.traffic.question import Question, Wanted, chat, streamed
from tests.support.traffic.raw import Callers
from tests.support.traffic.verdict import Kind, judge

TEXT = "".join(WORDS)
RIGHT, ERROR, LIE, NOTHING = Kind.RIGHT, Kind.CLEAN_ERROR, Kind.LIE, Kind.NO_ANSWER

# What each trouble is worth to whoever calls the upstream directly: before the head, in a stream, in one piece.
WORTH: dict[Trouble, tuple[Kind | None, Kind | None, Kind | None]] = {
    Trouble.RESET: (NOTHING, LIE, LIE),
    Trouble.CLOSE: (NOTHING, LIE, LIE),
    Trouble.HALF_CLOSE: (NOTHING, LIE, LIE),
    Trouble.STALL: (NOTHING, LIE, LIE),
    Trouble.ERROR: (None, ERROR, LIE),
    Trouble.EARLY_END: (None, LIE, LIE),
    Trouble.NO_DONE: (None, LIE, RIGHT),
    Trouble.BROKEN_JSON: (None, LIE, LIE),
    Trouble.NOT_TEXT: (None, LIE, LIE),
    Trouble.NOT_HTTP: (NOTHING, None, None),
}


@pytest.fixture(scope="module", params=SHAPES)
def upstream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingUpstream]:
    with counting_upstream(request.param, tmp_path_factory.mktemp("upstream")) as upstream:
        yield upstream


def heard(upstream: CountingUpstream, body: dict[str, object], patience: float = 30) -> Heard:
    async def ask() -> Heard:
        callers = Callers("127.0.0.1", upstream.port, patience)
        found = await callers.ask(Question(body, Wanted(TEXT)))
        callers.close()
        return found

    return asyncio.run(ask())


def patience(trouble: Trouble) -> float:
    """For one that never ends, as short as it can be."""
    return 0.1 if trouble is Trouble.STALL else 30


def over(upstream: CountingUpstream, case: str) -> Seen:
    (seen,) = upstream.wait_ended(case)
    return seen


@pytest.mark.parametrize("trouble", WORTH)
def test_a_trouble_before_the_head_leaves_no_answer(upstream: CountingUpstream, trouble: Trouble) -> None:
    worth = WORTH[trouble][0]
    if worth is None:
        with pytest.raises(AssertionError, match="needs a status before it"):
            Script(trouble=trouble, at=HEAD)
        return
    case = f"head-{trouble}"
    upstream.script(Script(trouble=trouble, at=HEAD), case=case)
    assert judge(heard(upstream, streamed("boat", marked(case)), patience(trouble)), Wanted(TEXT)).kind is worth
    assert over(upstream, case).counts.completion == 0


@pytest.mark.parametrize("at", [0, 3, len(WORDS)])
@pytest.mark.parametrize("trouble", WORTH)
def test_a_trouble_in_a_stream_comes_after_so_many_words(upstream: CountingUpstream, trouble: Trouble, at: int) -> None:
    worth = WORTH[trouble][1]
    if worth is None:
        with pytest.raises(AssertionError, match="come first"):
            Script(trouble=trouble, at=at)
        return
    case = f"stream-{trouble}-{at}"
    upstream.script(Script(trouble=trouble, at=at), case=case)
    found = heard(upstream, streamed("boat", marked(case)), patience(trouble))
    assert judge(found, Wanted(TEXT)).kind is worth
    if trouble not in (Trouble.NO_DONE, Trouble.BROKEN_JSON, Trouble.NOT_TEXT):
        # A reset may also take what was sent just before it.
        assert found.words <= at if trouble is Trouble.RESET else found.words == at
        assert over(upstream, case).counts.completion == at


@pytest.mark.parametrize("trouble", WORTH)
def test_a_trouble_in_one_piece_comes_in_its_middle(upstream: CountingUpstream, trouble: Trouble) -> None:
    worth = WORTH[trouble][2]
    if worth is None:
        return
    case = f"whole-{trouble}"
    upstream.script(Script(trouble=trouble), case=case)
    found = heard(upstream, chat("boat", marked(case)), patience(trouble))
    verdict = judge(found, Wanted(TEXT))
    assert verdict.kind is worth, verdict
    # A reset may take the head too.
    assert found.status == 200 or trouble is Trouble.RESET


@pytest.mark.parametrize("manner", [{"slices": 1}, {"slices": 7}, {"crlf": True}, {"comments": True}], ids=str)
def test_a_stream_in_any_manner_is_the_same_stream(upstream: CountingUpstream, manner: dict[str, Any]) -> None:
    case = f"manner-{'-'.join(manner)}"
    upstream.script(Script(**manner), case=case)
    found = heard(upstream, streamed("boat", marked(case)))
    assert judge(found, Wanted(TEXT)).kind is RIGHT
    assert found.words == len(WORDS)


def test_a_lie_about_usage_is_told_and_not_counted(upstream: CountingUpstream) -> None:
    upstream.script(Script(lie={"completion_tokens": -5}), case="lie")
    for body in (streamed("boat", marked("lie"), usage=True), chat("boat", marked("lie"))):
        usage = heard(upstream, body).usage
        assert usage is not None
        assert usage["completion_tokens"] == -5
    assert upstream.total("lie").completion >= 2 * len(WORDS)


@pytest.mark.parametrize(
    ("usage", "told"), [("never", (False, False)), ("always", (True, True)), ("asked", (False, True))]
)
def test_usage_is_told_when_the_script_says_so(upstream: CountingUpstream, usage: Any, told: tuple[bool, bool]) -> None:
    upstream.script(Script(usage=usage), case=f"usage-{usage}")
    bodies = [streamed("boat", marked(f"usage-{usage}"), usage=wanted) for wanted in (False, True)]
    assert tuple(heard(upstream, body).usage is not None for body in bodies) == told
    assert (heard(upstream, chat("boat", marked(f"usage-{usage}"))).usage is None) == (usage == "never")


def test_a_body_can_be_said_as_it_is(upstream: CountingUpstream) -> None:
    upstream.script(Script(status=502, body=b"<html>bad gateway</html>", content_type="text/html"), case="page")
    found = heard(upstream, chat("boat", marked("page")))
    assert (found.status, found.headers["content-type"]) == (502, "text/html")
    verdict = judge(found, Wanted(TEXT))
    assert (verdict.kind, "no shape that clients know" in verdict.why) == (LIE, True)
