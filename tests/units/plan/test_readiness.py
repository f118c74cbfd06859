"""The conditions of a model say what is true: the Ready table line by line, and when a condition moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.api.status import ModelConfigStatus
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import Object
from tests.support.model_configs import base
from tests.support.one_model import (
    BROKEN,
    FIRST,
    PENDING,
    SECOND,
    SECRET_MISSING,
    SERVICE_TAKEN,
    edited,
    served,
    spec,
    told,
    with_source,
)
from tests.support.ready_table import (
    FAILED_BESIDE_OLD,
    NOTHING_YET,
    READY_TABLE,
    SERVED,
    SERVED_OTHERWISE,
    STARTING_BESIDE_OLD,
    USER_MUST_ACT,
    USER_MUST_ACT_SERVED,
    Row,
)
from tests.support.simulated import Simulated

ON_GPU = spec(hardware={"profile": "l4", "fallback": {"to": "cpu", "after": "10s"}})


def to_be_edited(after: Object) -> Simulated:
    world = served()
    world.edit(after)
    return world


def one_of_two_gpus() -> Simulated:
    world = Simulated(spec(hardware={"profile": "l4"}, scaling={"replicas": 2}))
    world.gpus = 1
    world.settle(10)
    return world


UNREACHABLE = Finding(Reason.SOURCE_UNREACHABLE, "models.example.com did not answer")
FORBIDDEN = Finding(Reason.SOURCE_FORBIDDEN, "models.example.com answered 403")


ROWS: dict[str, tuple[Row, Callable[[], Simulated], Reason]] = {
    "it serves": (SERVED, served, Reason.SERVING),
    "it is declared with no replica": (SERVED, lambda: served(spec(scaling={"replicas": 0})), Reason.AT_ZERO),
    "it was scaled to zero": (SERVED, lambda: edited(spec(scaling={"replicas": 0}), 5), Reason.AT_ZERO),
    "a provider hosts it": (SERVED, lambda: served(base("external")), Reason.SERVING),
    "an old revision is pinned and serves": (
        SERVED,
        lambda: edited({**SECOND, "pinRevision": 1}, 5),
        Reason.SERVING,
    ),
    "a new revision has just begun": (STARTING_BESIDE_OLD, lambda: edited(SECOND), Reason.REVISION_STARTING),
    "the weights of a new revision are read": (
        STARTING_BESIDE_OLD,
        lambda: with_source(to_be_edited(SECOND), PENDING),
        Reason.REVISION_STARTING,
    ),
    "the source of a new revision is away": (
        STARTING_BESIDE_OLD,
        lambda: with_source(to_be_edited(SECOND), UNREACHABLE),
        Reason.SOURCE_UNREACHABLE,
    ),
    "a new revision waits for a GPU": (
        STARTING_BESIDE_OLD,
        lambda: edited(spec(hardware={"profile": "l4"}), 10),
        Reason.UNSCHEDULABLE,
    ),
    "a new revision cannot start": (FAILED_BESIDE_OLD, lambda: edited(BROKEN, 10), Reason.IMAGE_PULL_FAILED),
    "a new revision answers nothing": (FAILED_BESIDE_OLD, lambda: edited(spec("mute"), 10), Reason.PROOF_FAILED),
    "it starts for the first time": (
        NOTHING_YET,
        lambda: told(Simulated(FIRST)),
        Reason.SCHEDULING,
    ),
    "its weights are read for the first time": (
        NOTHING_YET,
        lambda: with_source(Simulated(FIRST), PENDING),
        Reason.SIZING,
    ),
    "nobody has asked its source yet": (NOTHING_YET, lambda: with_source(Simulated(FIRST), None), Reason.SIZING),
    "its source is away": (NOTHING_YET, lambda: with_source(Simulated(FIRST), UNREACHABLE), Reason.SOURCE_UNREACHABLE),
    "it waits for a GPU": (
        NOTHING_YET,
        lambda: served(spec(hardware={"profile": "l4"})),
        Reason.UNSCHEDULABLE,
    ),
    "its first revision cannot start": (USER_MUST_ACT, lambda: served(BROKEN), Reason.IMAGE_PULL_FAILED),
    "the source refuses its weights": (
        USER_MUST_ACT,
        lambda: with_source(Simulated(FIRST), FORBIDDEN),
        Reason.SOURCE_FORBIDDEN,
    ),
    "a Secret is missing from the start": (
        USER_MUST_ACT,
        lambda: told(Simulated(FIRST), missing=(SECRET_MISSING,)),
        Reason.SECRET_MISSING,
    ),
    "its profile is unknown": (
        USER_MUST_ACT,
        lambda: served(spec(hardware={"profile": "h300"})),
        Reason.PROFILE_UNKNOWN,
    ),
    "its names are taken": (
        USER_MUST_ACT,
        lambda: told(Simulated(FIRST), taken=SERVICE_TAKEN),
        Reason.NAME_TAKEN,
    ),
    "a rule is broken": (USER_MUST_ACT, lambda: served(spec(context=1)), Reason.INVALID_SPEC),
    "a Secret is missing by now": (
        USER_MUST_ACT_SERVED,
        lambda: told(served(), missing=(SECRET_MISSING,)),
        Reason.SECRET_MISSING,
    ),
    "a new revision names a profile that is not there": (
        USER_MUST_ACT_SERVED,
        lambda: edited(spec(hardware={"profile": "h300"})),
        Reason.PROFILE_UNKNOWN,
    ),
    "the pinned revision is not there": (
        USER_MUST_ACT_SERVED,
        lambda: edited({**FIRST, "pinRevision": 7}),
        Reason.REVISION_MISSING,
    ),
    "an edit breaks a rule": (USER_MUST_ACT_SERVED, lambda: edited(spec(context=1)), Reason.INVALID_SPEC),
    "it serves on its fallback": (
        SERVED_OTHERWISE,
        lambda: served(ON_GPU, 40),
        Reason.SERVING,
    ),
    "it serves with fewer replicas": (
        SERVED_OTHERWISE,
        one_of_two_gpus,
        Reason.SERVING,
    ),
}


@pytest.mark.parametrize("state", ROWS)
def test_the_conditions_are_those_of_the_ready_table_when(state: str) -> None:
    row, arrive, reason = ROWS[state]
    world = arrive()
    assert row.differences(world.config) == []
    assert world.condition("Ready")["reason"] == reason


def test_every_row_of_the_ready_table_is_reached() -> None:
    assert {row.state for row, _, _ in ROWS.values()} == {row.state for row in READY_TABLE}


@pytest.mark.parametrize("state", ROWS)
def test_every_condition_speaks_of_the_generation_that_was_looked_at_when(state: str) -> None:
    _, arrive, _ = ROWS[state]
    world = arrive()
    generation = world.config["metadata"]["generation"]
    assert world.status["observedGeneration"] == generation
    assert {each["observedGeneration"] for each in world.status["conditions"]} == {generation}


@pytest.mark.parametrize("state", ROWS)
def test_a_status_that_is_true_already_is_not_written_again_when(state: str) -> None:
    _, arrive, _ = ROWS[state]
    world = arrive()
    for _ in range(4):
        world.pass_()
    world.now += timedelta(milliseconds=900)
    assert world.plan().status is None
    assert world.plan().events == ()


@pytest.mark.parametrize("state", ROWS)
def test_a_trouble_is_told_with_what_to_do_when(state: str) -> None:
    _, arrive, reason = ROWS[state]
    message = arrive().condition("Ready")["message"]
    assert reason.fix in message
    assert message.endswith((".", "`"))


@pytest.mark.parametrize("state", ROWS)
def test_a_status_fits_the_contract_when(state: str) -> None:
    _, arrive, _ = ROWS[state]
    ModelConfigStatus.model_validate(arrive().status)


def times(world: Simulated) -> dict[str, datetime]:
    return {each["type"]: each["lastTransitionTime"] for each in world.status["conditions"]}


def test_the_time_of_a_condition_moves_only_with_its_status() -> None:
    world = served()
    before = times(world)
    world.edit(SECOND)
    world.settle(1)
    started = times(world)
    assert {kind for kind in before if started[kind] != before[kind]} == {"Ready"}
    world.settle(15)
    assert {kind for kind in before if times(world)[kind] != before[kind]} == {"Ready"}
    assert world.condition("Ready")["status"] == "True"


def test_a_condition_that_somebody_damaged_is_said_anew() -> None:
    world = served()
    world.config["status"]["conditions"][0] = {"type": "Accepted", "status": "Perhaps"}
    world.config["status"]["conditions"].append({"type": "Strange", "status": "True"})
    world.pass_()
    assert world.condition("Accepted")["status"] == "True"
    assert not world.condition("Strange")
