"""Whatever happens in whatever order, passes end, callers are served as well as can be, and the end is the same."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.api import names
from plimsoll.plan.observed import Object
from plimsoll.plan.plan import Plan
from tests.support.form import Form
from tests.support.model_configs import base, merged
from tests.support.simulated import Simulated

TAGS = ("good", "other", "broken", "crashing", "mute")
GOOD, OTHER, BROKEN, CRASHING, MUTE = (f"x.example.com/engine:{tag}" for tag in TAGS)
ON_GPU = {"profile": "l4", "fallback": {"to": "cpu", "after": "10s"}}


def spec(image: str = GOOD, **fields: Any) -> Object:
    made: Object = merged(base("hosted"), {"engine": {"image": image}, **fields})
    return made


@dataclass
class Guard:
    """What holds after every pass, whatever happened before."""

    world: Simulated
    numbers: set[int] = field(default_factory=set)

    def pass_(self) -> Plan:
        world = self.world
        before = dict(world.objects)
        ready, in_need = len(world.ready_pods(world.serving or "")), self._in_need()
        plan = world.plan()
        if not plan.takes_away:
            world.act(plan)
            assert not lost(before, world.objects), "something is taken away on a view that may be old"
        else:
            plan = world.pass_()
        self._live(in_need or self._in_need())
        self._callers(ready)
        self._numbers()
        return plan

    def quiet(self) -> bool:
        """At one moment, passes come to an end; whether the first was the last, and waits for nothing."""
        plans = [self.pass_()]
        while plans[-1] != Plan(again_after=plans[-1].again_after):
            plans.append(self.pass_())
            assert len(plans) < 7, f"passes never end: {plans[-1]}"
        return len(plans) == 1 and plans[-1].again_after is None

    def settle(self, seconds: int) -> None:
        """For that time, or until nothing moves any more."""
        still = 0
        for _ in range(seconds):
            still = still + 1 if self.quiet() else 0
            if still > 3:
                return
            self.world.tick()
        self.quiet()

    def _in_need(self) -> bool:
        return self.world.serving is not None and not self.world.ready_pods(self.world.serving)

    def _live(self, in_need: bool) -> None:
        """The one that serves and the wanted one: twice for a fallback, and another one to help out in need."""
        world = self.world
        falls_back = "fallback" in world.config["spec"].get("hardware", {})
        assert len(world.live) <= 2 + falls_back + in_need, world.live

    def _callers(self, before: int) -> None:
        """Nobody who could be served is sent to where nobody is; and a switch takes no replica away."""
        world = self.world
        replicas = world.config["spec"].get("scaling", {}).get("replicas", 1)
        if self._is_external() or not replicas:
            return
        now = len(world.ready_pods(world.serving or ""))
        assert now >= min(replicas, before), "a switch took replicas away"
        if now == 0 and world.serving:
            assert not any(self._could_serve(each) for each in world.live), (
                "nobody is called although somebody could be"
            )

    def _is_external(self) -> bool:
        """Whether what is wanted has no pods: the model itself, or the revision that it is pinned to."""
        spec = self.world.config["spec"]
        pinned = self.world.objects.get(("ControllerRevision", f"chat-r{spec.get('pinRevision')}"))
        return "external" in (pinned["data"]["spec"] if pinned else spec)

    def _could_serve(self, short: str) -> bool:
        given = [each for each in self.world.ready_pods(short) if self._is_given(each)]
        return bool(given)

    def _is_given(self, pod: Object) -> bool:
        answer = self.world.proofs.get(pod["metadata"]["uid"])
        return answer is not None and answer.proof.value == "given"

    def _numbers(self) -> None:
        fresh = set(self.world.revisions()) - self.numbers
        assert all(number > max(self.numbers, default=0) for number in fresh), "a number is used twice"
        self.numbers |= fresh


def lost(before: dict[tuple[str, str], Object], after: dict[tuple[str, str], Object]) -> list[str]:
    """What was taken from callers: objects, replicas, or the workload that served them."""
    gone = [f"{kind} {name}" for kind, name in before if (kind, name) not in after]
    for slot, was in before.items():
        now = after.get(slot, was)
        if slot[0] == "Deployment" and now["spec"]["replicas"] < was["spec"]["replicas"]:
            gone.append(f"replicas of {slot[1]}")
        if slot[0] == "Service" and was["spec"]["selector"] != now["spec"]["selector"]:
            gone += [slot[1]] if was["spec"]["selector"][names.LABEL_WORKLOAD] != "none" else []
    return gone


def essence(world: Simulated) -> Object:
    """A world without its past: its revisions, and names, numbers and times."""
    objects = copy.deepcopy(
        {f"{kind} {name}": each for (kind, name), each in world.objects.items() if "Rev" not in kind}
    )
    for each in objects.values():
        metadata = each["metadata"]
        for key in ("uid", "resourceVersion", "creationTimestamp"):
            metadata.pop(key)
        metadata["annotations"].pop(names.ANNOTATION_INTENT)
        metadata["labels"].pop(names.LABEL_REVISION, None)
        each.pop("status", None)
    said = [(each["type"], each["status"], each["reason"]) for each in world.status["conditions"]]
    return {"objects": objects, "pods": len(world.pods), "said": said}


SPECS = st.builds(
    lambda image, replicas, context, hardware, pin: spec(
        image, scaling={"replicas": replicas}, context=context, hardware=hardware, pinRevision=pin
    ),
    st.sampled_from([GOOD, OTHER, BROKEN, CRASHING, MUTE]),
    st.integers(0, 3),
    st.sampled_from([512, 1024]),
    st.sampled_from([None, None, ON_GPU]),
    st.sampled_from([None, None, None, 1, 2, 9]),
)
ACTIONS = st.one_of(
    st.tuples(st.just("edit"), SPECS),
    st.tuples(st.just("edit"), SPECS),
    st.tuples(st.just("external"), st.none()),
    st.tuples(st.just("tick"), st.integers(1, 15)),
    st.tuples(st.just("gpus"), st.sampled_from([0, 1, 4])),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("delete"), st.integers(0, 9)),
    st.tuples(st.just("scale by hand"), st.integers(0, 9)),
    st.tuples(st.just("lose pods"), st.integers(0, 9)),
)


LAST = [spec(), spec(OTHER, context=1024, scaling={"replicas": 2}), spec(hardware=ON_GPU), base("external")]


def happen(world: Simulated, what: str, value: Any) -> None:
    if what == "edit":
        world.edit(value)
    elif what == "external":
        world.edit(base("external"))
    elif what == "gpus":
        world.lose_gpus()
        world.gpus = value
    elif what == "restart":
        world.restart_operator()
    elif what == "lose pods" and world.deployments():
        world.lose_pods(
            world.deployments()[value % len(world.deployments())]["metadata"]["labels"][names.LABEL_WORKLOAD]
        )
    elif what in ("delete", "scale by hand"):
        children = [slot for slot in world.objects if slot[0] != "ControllerRevision"]
        slot = children[value % len(children)] if children else None
        if slot and what == "delete":
            world.delete_by_hand(*slot)
        elif slot and slot[0] == "Deployment":
            world.objects[slot]["spec"]["replicas"] = 5
            world.objects[slot]["metadata"]["resourceVersion"] += "0"


# A thousand lives take two minutes of one processor, and more where it has others to serve.
@pytest.mark.timeout(1200)
def test_whatever_happened_the_end_is_that_of_a_fresh_create(form: Form) -> None:
    @settings(max_examples=form.count(small=12, large=1000), deadline=None, derandomize=not form.long)
    @given(st.lists(ACTIONS, max_size=form.count(small=8, large=25)), st.sampled_from(LAST))
    def check(actions: list[tuple[str, Any]], last: Object) -> None:
        world = Simulated()
        guard = Guard(world)
        for what, value in actions:
            happen(world, what, value)
            guard.settle(value if what == "tick" else 0)
        world.edit(last)
        guard.settle(60)
        fresh = Simulated(last)
        fresh.gpus = world.gpus
        Guard(fresh).settle(60)
        assert essence(world) == essence(fresh)
        assert world.condition("Ready")["status"] == "True"

    check()
