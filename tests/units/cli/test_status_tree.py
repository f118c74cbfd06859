"""`plimsoll status`."""

from __future__ import annotations

import copy

import pytest

from tests.support.command import Command
from tests.support.fake_cluster import FakeCluster
from tests.support.model_configs import Object, base, merged
from tests.support.simulated import Simulated

GOOD, BROKEN = "x.example.com/engine:good", "x.example.com/engine:broken"


def spec(image: str = GOOD, **fields: object) -> Object:
    made: Object = merged(base("hosted"), {"engine": {"image": image}, **fields})
    return made


@pytest.fixture(scope="module")
def made() -> Simulated:
    world = Simulated(spec())
    world.settle(10)
    return world


@pytest.fixture
def world(made: Simulated) -> Simulated:
    return copy.deepcopy(made)


def test_a_model_that_serves_is_a_short_tree_in_ascii_where_nobody_draws(
    plimsoll: Command, cluster: FakeCluster, world: Simulated
) -> None:
    cluster.show(world)
    output = plimsoll("status", "chat").output
    assert output.isascii()
    lines = output.splitlines()
    assert lines[0] == "default/chat"
    assert lines[1] == "+-- Ready True: Serving"
    assert any(line.startswith("`-- revision 1: serves, newest, accepted") for line in lines)
    assert f"    `-- chat-{world.serving}: 1/1 ready, on cpu, serves" in lines
    assert lines[-1].startswith("        `-- chat-")
    assert lines[-1].endswith(": ready")


def test_what_keeps_a_new_revision_stands_at_its_pod_and_the_old_one_serves(
    plimsoll: Command, cluster: FakeCluster, world: Simulated
) -> None:
    world.edit(spec(BROKEN))
    world.settle(10)
    cluster.show(world)
    newest, old = plimsoll("status", "chat", "-o", "json").data["revisions"]
    assert (newest["number"], newest["newest"], newest["serving"]) == (2, True, False)
    assert newest["workloads"][0]["pods"][0]["reason"] == "ImagePullFailed"
    assert (old["number"], old["serving"]) == (1, True)
    output = plimsoll("status", "chat").output
    assert "+-- Ready False: ImagePullFailed\n" in output
    assert "revision 1: serves, accepted" in output


def test_what_a_condition_says_about_a_pod_is_not_said_again_at_the_pod(
    plimsoll: Command, cluster: FakeCluster
) -> None:
    world = Simulated(spec(hardware={"profile": "l4", "fallback": {"to": "cpu", "after": "10s"}}))
    world.settle(30)
    cluster.show(world)
    output = plimsoll("status", "chat").output
    assert "+-- AcceleratorFallback True: AcceleratorUnavailable\n" in output
    assert ": Unschedulable\n" in output
    assert output.count("nodes are available") == 1
    assert "+-- url: http://plimsoll-gateway.plimsoll-system.svc/v1\n" in output


def test_a_model_that_can_be_called_is_shown_with_a_call_on_a_line_of_its_own(
    plimsoll: Command, cluster: FakeCluster, world: Simulated
) -> None:
    cluster.show(world)
    answered = plimsoll("status", "chat")
    assert answered.errors == f"Call it, with a key in PLIMSOLL_API_KEY:\n{world.status['example']}\n"
    assert "curl" not in answered.output
    assert plimsoll("status", "chat", "-o", "json").data["example"] == world.status["example"]


def test_what_nobody_can_call_is_shown_without_a_call(plimsoll: Command, cluster: FakeCluster) -> None:
    world = Simulated(spec(BROKEN))
    world.settle(10)
    assert "example" in world.status
    cluster.show(world)
    assert plimsoll("status", "chat").errors == ""


def test_a_pinned_revision_is_marked(plimsoll: Command, cluster: FakeCluster, world: Simulated) -> None:
    world.edit(spec(context=8192))
    world.settle(15)
    world.edit(spec(context=8192, pinRevision=1))
    world.settle(15)
    cluster.show(world)
    revisions = plimsoll("status", "chat", "-o", "json").data["revisions"]
    assert [(each["number"], each["pinned"], each["serving"]) for each in revisions] == [
        (2, False, False),
        (1, True, True),
    ]


def test_an_edit_that_nobody_has_looked_at_is_said_first(
    plimsoll: Command, cluster: FakeCluster, world: Simulated
) -> None:
    world.edit(spec(context=8192))
    cluster.show(world)
    assert plimsoll("status", "chat").output.splitlines()[1] == "+-- the operator has not looked at the newest edit yet"


def test_without_an_operator_that_is_what_is_said(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster.show(Simulated(spec()))
    assert "the operator has not looked at it yet: is it running?" in plimsoll("status", "chat").output


def test_hostile_words_of_a_pod_move_no_cursor(plimsoll: Command, cluster: FakeCluster, world: Simulated) -> None:
    for condition in world.config["status"]["conditions"]:
        condition["message"] = "a\x1b[2J\x9b\u202eb\nc"
    world.config["status"]["model"] = "m\x07"
    cluster.show(world)
    for output in ("table", "json", "yaml"):
        text = plimsoll("status", "chat", "-o", output).output
        assert all(char.isprintable() or char == "\n" for char in text)


def test_a_model_that_is_not_there_is_code_3(plimsoll: Command, cluster: FakeCluster) -> None:
    answered = plimsoll("status", "nobody")
    assert answered.code == 3
    assert answered.errors == (
        'plimsoll: modelconfigs.plimsoll.dev "nobody" not found\nWhat to do: see what is there: plimsoll get -A\n'
    )
