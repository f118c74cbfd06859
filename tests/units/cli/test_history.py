"""`plimsoll history`, `plimsoll diff` of revisions, `plimsoll rollback` and `plimsoll pin`."""

from __future__ import annotations

import copy
import json

import pytest
import yaml

from plimsoll.api.normal import behaviour_hash
from plimsoll.cli.going_back import merge_patch, merged
from plimsoll.cli.reaching import FIELD_MANAGER
from tests.support import model_configs
from tests.support.command import Command
from tests.support.fake_cluster import FakeCluster
from tests.support.model_configs import Object, base
from tests.support.simulated import Simulated

GOOD, BROKEN = "x.example.com/engine:good", "x.example.com/engine:broken"


def spec(**fields: object) -> Object:
    made: Object = model_configs.merged(base("hosted"), {"engine": {"image": GOOD}, **fields})
    return made


@pytest.fixture(scope="module")
def made() -> Simulated:
    world = Simulated(spec())
    for edit in (spec(), spec(context=8192, parallel=2), spec(context=8192, engine={"image": BROKEN})):
        world.edit(edit)
        world.settle(15)
    return world


@pytest.fixture
def world(made: Simulated, cluster: FakeCluster) -> Simulated:
    """Three revisions, of which the last cannot start."""
    world = copy.deepcopy(made)
    cluster.show(world)
    return world


def test_the_newest_comes_first_with_what_it_changed(plimsoll: Command, world: Simulated) -> None:
    found = plimsoll("history", "chat", "-o", "json").data["revisions"]
    assert [(each["number"], each["serving"], each["changed"]) for each in found] == [
        (3, False, ["engine.image", "parallel"]),
        (2, True, ["context", "parallel"]),
        (1, False, []),
    ]


def test_people_see_a_row_for_each_revision(plimsoll: Command, world: Simulated) -> None:
    lines = plimsoll("history", "chat").output.splitlines()
    assert lines[0].split() == ["REVISION", "ACCEPTED", "AUTHOR", "GIT", "CHANGED"]
    assert lines[2].startswith("2          serves")
    assert lines[2].endswith("context, parallel")


def test_names_of_revisions_are_what_diff_takes(plimsoll: Command, world: Simulated) -> None:
    first, second, _ = plimsoll("history", "chat", "-o", "name").output.split()
    assert (first, second) == ("chat@3", "chat@2")
    changes = plimsoll("diff", second, first, "-o", "json").data["changes"]
    assert changes == [
        {"path": "engine.image", "before": GOOD, "after": BROKEN},
        {"path": "parallel", "before": 2, "after": 1},
    ]


def test_an_object_is_compared_with_a_file(plimsoll: Command, world: Simulated) -> None:
    same = json.dumps(world.config)
    assert plimsoll("diff", "chat", "-", given=same).code == 0
    assert plimsoll("diff", "default/chat@1", "-", given=same).code == 1


def test_a_revision_that_is_not_kept_names_those_that_are(plimsoll: Command, world: Simulated) -> None:
    for arguments in (("diff", "chat@1", "chat@9"), ("pin", "chat", 9), ("rollback", "chat", "--to", 9)):
        answered = plimsoll(*arguments)
        assert answered.code == 3
        assert "chat has no revision 9\nWhat to do: take one that is kept: 1, 2, 3" in answered.errors


def test_neither_a_file_nor_a_name_is_a_mistake_of_the_caller(plimsoll: Command) -> None:
    assert plimsoll("diff", "Chat!", "other").code == 2


def test_a_rollback_goes_to_what_serves_when_the_newest_does_not(plimsoll: Command, world: Simulated) -> None:
    answered = plimsoll("rollback", "chat")
    assert answered.data == {"spec": {"engine": {"image": GOOD}, "parallel": 2}}
    assert "chat says again what revision 2 said" in answered.errors


def test_a_rollback_goes_to_what_served_before_when_all_is_well(
    plimsoll: Command, cluster: FakeCluster, world: Simulated
) -> None:
    world.edit(spec(context=8192, parallel=2))
    world.settle(15)
    assert world.status["currentRevision"]["number"] == 4
    cluster.show(world)
    assert plimsoll("rollback", "chat").code == 0


def test_a_rollback_of_an_edit_that_was_not_accepted_takes_back_that_edit_only(
    plimsoll: Command, cluster: FakeCluster, world: Simulated
) -> None:
    world.edit(spec(context=8192, parallel=2))
    world.settle(15)
    world.edit(spec(context=8192, parallel=3))
    cluster.show(world)
    answered = plimsoll("rollback", "chat")
    assert answered.data == {"spec": {"parallel": 2}}
    assert "chat says again what revision 4 said" in answered.errors


def test_a_rollback_that_was_done_by_hand_a_moment_ago_goes_no_further_back(
    plimsoll: Command, cluster: FakeCluster, world: Simulated
) -> None:
    world.edit(spec(context=8192, parallel=2))
    cluster.show(world)
    assert "nothing to do: chat says again what revision 2 said" in plimsoll("rollback", "chat").errors


def test_what_was_rolled_back_behaves_as_it_did_and_keeps_its_replicas(
    plimsoll: Command, cluster: FakeCluster, world: Simulated
) -> None:
    world.edit({**world.config["spec"], "scaling": {"replicas": 3}, "pinRevision": 2})
    cluster.show(world)
    answered = plimsoll("rollback", "chat", "--to", "1", "--apply")
    assert answered.output == "done: chat says again what revision 1 said\n"
    stored = cluster.config()["spec"]
    assert behaviour_hash(stored) == behaviour_hash(spec())
    assert stored["scaling"] == {"replicas": 3}
    assert "pinRevision" not in stored
    assert cluster.written_by == [("replace", FIELD_MANAGER)]


def test_a_rollback_to_what_is_there_changes_nothing(plimsoll: Command, cluster: FakeCluster, world: Simulated) -> None:
    answered = plimsoll("rollback", "chat", "--to", "3", "--apply")
    assert (answered.output, answered.code) == ("", 0)
    assert "nothing to do" in answered.errors
    assert cluster.written_by == []


def test_a_first_revision_has_nothing_to_go_back_to(plimsoll: Command, cluster: FakeCluster) -> None:
    world = Simulated(spec())
    world.settle(20)
    cluster.show(world)
    answered = plimsoll("rollback", "chat")
    assert answered.code == 3
    assert "no revision of chat served before this one" in answered.errors


def test_a_pin_is_a_patch_for_git_and_nothing_is_written(
    plimsoll: Command, cluster: FakeCluster, world: Simulated
) -> None:
    answered = plimsoll("pin", "chat", "2", "-o", "json")
    assert json.loads(answered.output) == {"spec": {"pinRevision": 2}}
    assert cluster.written_by == []


def test_a_pin_is_set_and_cleared_in_the_cluster_when_that_is_asked(
    plimsoll: Command, cluster: FakeCluster, world: Simulated
) -> None:
    assert plimsoll("pin", "chat", "2", "--apply").code == 0
    assert cluster.config()["spec"]["pinRevision"] == 2
    assert plimsoll("pin", "chat", "--clear").data == {"spec": {"pinRevision": None}}
    assert plimsoll("pin", "chat", "--clear", "--apply").code == 0
    assert "pinRevision" not in cluster.config()["spec"]
    assert "nothing to do" in plimsoll("pin", "chat", "--clear", "--apply").errors
    assert len(cluster.written_by) == 2


def test_an_edit_in_between_is_kept(plimsoll: Command, cluster: FakeCluster, world: Simulated) -> None:
    config = cluster.config()
    cluster.before_replace = lambda: cluster({**config, "spec": {**config["spec"], "parallel": 7}})
    assert plimsoll("pin", "chat", "2", "--apply").code == 0
    assert cluster.config()["spec"]["parallel"] == 7
    assert cluster.config()["spec"]["pinRevision"] == 2


@pytest.mark.parametrize("arguments", [(), ("2", "--clear")])
def test_a_pin_wants_a_number_or_clear(plimsoll: Command, arguments: tuple[str, ...]) -> None:
    assert plimsoll("pin", "chat", *arguments).code == 2


def test_a_merge_patch_leads_from_the_one_to_the_other() -> None:
    now = {"a": 1, "b": {"c": 1, "d": [1]}, "e": {"f": 1}}
    then = {"a": 2, "b": {"d": [1, 2]}, "g": {"h": {"i": 0}}}
    patch = merge_patch(now, then)
    assert patch == {"a": 2, "b": {"c": None, "d": [1, 2]}, "e": None, "g": {"h": {"i": 0}}}
    assert merged(now, patch) == then
    assert merged(now, yaml.safe_load(yaml.safe_dump(patch))) == then


def test_going_back_leaves_who_may_call_and_how_much_as_it_is(
    plimsoll: Command, cluster: FakeCluster, made: Simulated
) -> None:
    world = copy.deepcopy(made)
    beside = {"access": {"from": "All"}, "limits": {"requests": 5}, "calls": {"onDisconnect": "Drain"}}
    world.edit(spec(**beside, context=8192, parallel=2))
    world.settle(15)
    cluster.show(world)
    newest = plimsoll("history", "chat", "-o", "json").data["revisions"][0]
    assert newest["changed"] == ["engine.image", "parallel"]
    patch = yaml.safe_load(plimsoll("rollback", "chat", "--to", "1").output)["spec"]
    assert not set(beside) & set(patch)
    compared = plimsoll("diff", "chat@1", "chat", "-o", "json").data["changes"]
    assert {each["path"] for each in compared} == {"context", "parallel"}
