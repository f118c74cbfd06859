"""`plimsoll wait`."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count, groupby, repeat

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.cli import waiting
from plimsoll.cluster.errors import Unavailable
from plimsoll.plan.finding import Finding
from tests.support.command import Command
from tests.support.fake_cluster import FakeCluster
from tests.support.model_configs import Object, base, merged
from tests.support.simulated import Simulated

GOOD, BROKEN = "x.example.com/engine:good", "x.example.com/engine:broken"


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PAUSE_SECONDS", 0.001)


def spec(image: str = GOOD) -> Object:
    made: Object = merged(base("hosted"), {"engine": {"image": image}})
    return made


def second_of(cluster: FakeCluster, world: Simulated) -> Callable[[], None]:
    def second() -> None:
        world.pass_()
        world.tick()
        cluster.show(world)

    return second


def goes_on(cluster: FakeCluster, world: Simulated) -> None:
    """With each look at the cluster a second goes by."""
    cluster.meanwhile = repeat(second_of(cluster, world))


def test_it_ends_as_soon_as_the_model_is_ready_and_tells_each_stage_once(
    plimsoll: Command, cluster: FakeCluster
) -> None:
    goes_on(cluster, Simulated(spec()))
    answered = plimsoll("wait", "chat")
    assert answered.code == 0
    assert re.match(r"default/chat is ready after \d+ s: Revision 1 serves", answered.output)
    stages = [line.split()[1].rstrip(":") for line in answered.errors.splitlines()]
    assert [stage for stage, _ in groupby(stages)] == ["scheduling", "proof"]
    assert len(set(answered.errors.splitlines())) == len(stages)


def test_it_ends_at_once_when_somebody_has_to_change_something(plimsoll: Command, cluster: FakeCluster) -> None:
    goes_on(cluster, Simulated(spec(BROKEN)))
    answered = plimsoll("wait", "chat", "-o", "json")
    assert answered.code == 5
    assert (answered.data["outcome"], answered.data["reason"]) == ("cannotHeal", "ImagePullFailed")


def test_a_secret_that_somebody_has_just_made_is_looked_at_again_before_waiting_ends(
    plimsoll: Command, cluster: FakeCluster
) -> None:
    world = Simulated(spec())
    world.seen["missing"] = (Finding(Reason.SECRET_MISSING, "there is no Secret token"),)
    world.settle(5)
    cluster.show(world)
    # The operator has not yet seen that it is there.
    old_news = [int] * 3

    def found() -> None:
        world.seen["missing"] = ()
        goes_on(cluster, world)

    cluster.meanwhile = iter([*old_news, found])
    answered = plimsoll("wait", "chat")
    assert answered.code == 0
    assert "there is no Secret token" in answered.errors


def test_a_secret_that_nobody_makes_ends_the_waiting_with_its_time(plimsoll: Command, cluster: FakeCluster) -> None:
    world = Simulated(spec())
    world.seen["missing"] = (Finding(Reason.SECRET_MISSING, "there is no Secret token"),)
    world.settle(5)
    cluster.show(world)
    assert plimsoll("wait", "chat", "--timeout", "0s").code == 5


def test_the_old_revision_is_enough_for_available(plimsoll: Command, cluster: FakeCluster) -> None:
    world = Simulated(spec())
    world.settle(20)
    world.edit(spec(BROKEN))
    world.settle(20)
    cluster.show(world)
    assert plimsoll("wait", "chat").code == 5
    assert plimsoll("wait", "chat", "--for", "available").code == 0
    assert "chat is available after" in plimsoll("wait", "chat", "--for", "available").output


def test_what_was_said_about_an_older_spec_does_not_count(plimsoll: Command, cluster: FakeCluster) -> None:
    world = Simulated(spec())
    world.settle(20)
    world.edit(spec(BROKEN))
    cluster.show(world)
    answered = plimsoll("wait", "chat", "--timeout", "0s")
    assert answered.code == 4
    assert answered.output == (
        "default/chat: the time is up, and no operator has looked at the newest spec; is one running?\n"
    )


def test_the_deadline_says_how_far_it_got(plimsoll: Command, cluster: FakeCluster) -> None:
    world = Simulated(spec())
    world.pass_()
    world.pass_()
    cluster.show(world)
    answered = plimsoll("wait", "chat", "--timeout", "0s", "-o", "json")
    assert answered.code == 4
    assert answered.data["stage"] == "scheduling"
    assert answered.data["seconds"] < 1


def test_a_source_that_does_not_answer_is_a_matter_of_sizing(plimsoll: Command, cluster: FakeCluster) -> None:
    world = Simulated(spec())
    world.source = Finding(Reason.SOURCE_UNREACHABLE, "no answer")
    world.settle(5)
    cluster.show(world)
    answered = plimsoll("wait", "chat", "--timeout", "0s", "-o", "json")
    assert (answered.code, answered.data["stage"], answered.data["reason"]) == (4, "sizing", "SourceUnreachable")


def test_the_deadline_is_kept(plimsoll: Command, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    world = Simulated(spec())
    cluster.show(world)
    looks = count()
    cluster.meanwhile = repeat(lambda: next(looks))
    monkeypatch.setattr(waiting, "_PAUSE_SECONDS", 0.3)
    assert plimsoll("wait", "chat", "--timeout", "1s").code == 4
    assert next(looks) == 5


def test_without_an_operator_the_deadline_says_so(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster.show(Simulated(spec()))
    answered = plimsoll("wait", "chat", "--timeout", "0")
    assert answered.code == 4
    assert "no operator has looked at the newest spec; is one running?" in answered.output


def test_a_model_that_goes_away_is_code_3(plimsoll: Command, cluster: FakeCluster) -> None:
    world = Simulated(spec())
    world.pass_()
    cluster.show(world)
    cluster.meanwhile = iter([int, cluster.objects.clear])
    assert plimsoll("wait", "chat").code == 3


def test_a_cluster_that_is_away_for_a_while_is_waited_for(plimsoll: Command, cluster: FakeCluster) -> None:
    world = Simulated(spec())
    cluster.show(world)

    def away() -> None:
        cluster.trouble = Unavailable("restarting")

    def back() -> None:
        cluster.trouble = None

    cluster.meanwhile = iter([int, away, back, *[second_of(cluster, world)] * 60])
    answered = plimsoll("wait", "chat")
    assert answered.code == 0
    assert "the cluster does not answer now; still waiting" in answered.errors


@pytest.mark.parametrize("text", ["", "soon", "5 m", "-1s", "1d"])
def test_a_timeout_that_is_no_duration_is_refused(plimsoll: Command, cluster: FakeCluster, text: str) -> None:
    assert plimsoll("wait", "chat", "--timeout", text).code == 2
