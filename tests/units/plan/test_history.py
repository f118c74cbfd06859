"""A revision comes back from its object as it was, and the history is bounded without losing what is needed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.api import names
from plimsoll.api.normal import behaviour_hash, of_revision, workload_hash
from plimsoll.api.status import SizePart, Sizing
from plimsoll.plan import history
from plimsoll.plan.observed import Object
from plimsoll.plan.revision import Revision, Workload
from tests.support.generated_configs import model_configs
from tests.support.model_configs import base, merged, model_config

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
SIZING = Sizing(parts=(SizePart(name="weights", bytes=5, why="so big"),), total_bytes=5, gpu_layers=3)


def config(spec: Object | None = None, uid: str = "config-uid") -> Object:
    made = model_config(base("hosted") if spec is None else spec)
    made["metadata"]["uid"] = uid
    return made


def workload(spec: Object, profile: str | None = None) -> Workload:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "engine"}]}}
    return Workload(workload_hash(spec, profile), profile or "cpu", False, "engine:1", template, "f" * 64, SIZING)


def revision(number: int, spec: Object) -> Revision:
    fallback = spec.get("hardware", {}).get("fallback", {}).get("to")
    return Revision(
        number=number,
        behaviour=behaviour_hash(spec),
        spec=spec,
        accepted_at=NOW + timedelta(microseconds=3),
        declared=workload(spec) if "source" in spec else None,
        fallback=workload(spec, fallback) if fallback else None,
        resolved={"image": "engine:1", "weights": "etag:5"},
    )


def stored(made: Object, *revisions: Revision) -> tuple[Object, ...]:
    return tuple(history.to_object(made, each) for each in revisions)


@settings(max_examples=30)
@given(model_configs(), st.integers(1, 2**31), st.none() | st.text(), st.none() | st.just("3f2c9d1"))
def test_a_revision_comes_back_as_it_was(made: Object, number: int, author: str | None, git: str | None) -> None:
    made["metadata"]["uid"] = "u"
    before = replace(revision(number, made["spec"]), author=author, git_revision=git)
    written = json.loads(json.dumps(history.to_object(made, before)))
    assert history.from_object(written) == before
    assert history.read_history(made, [written]) == (before,)


def test_the_object_of_a_revision_is_found_and_owned_like_every_child() -> None:
    written = history.to_object(config(), revision(7, base("hosted")))
    assert (written["apiVersion"], written["kind"], written["revision"]) == ("apps/v1", "ControllerRevision", 7)
    assert written["metadata"]["name"] == "chat-r7"
    assert written["metadata"]["labels"][names.LABEL_MODELCONFIG] == "chat"
    assert written["metadata"]["labels"][names.LABEL_REVISION] == "7"
    assert history.is_owned(written, config())


def test_the_history_has_the_revisions_of_this_very_object_the_oldest_first() -> None:
    ours = stored(config(), revision(2, base("hosted")), revision(1, base("hub")))
    strangers = stored(config(uid="of-before"), revision(9, base("hosted")))
    assert [each.number for each in history.read_history(config(), ours + strangers)] == [1, 2]


@pytest.mark.parametrize("change", [{"data": None}, {"data": {}}, {"data": 5}, {"data": {"acceptedAt": "soon"}}])
def test_a_revision_that_cannot_be_read_is_left_out_and_its_number_is_taken(change: Object) -> None:
    (good,) = stored(config(), revision(4, base("hosted")))
    bad = {**good, **(change if not isinstance(change["data"], dict) else {"data": {**good["data"], **change["data"]}})}
    if change["data"] == {}:
        bad["data"] = {}
    assert history.read_history(config(), [bad]) == ()
    assert history.next_number(config(), [bad]) == 5
    assert history.expired(config(), [bad, bad, good], (), limit=1) == ()


def test_a_number_is_never_used_twice_not_even_when_its_revision_is_gone() -> None:
    assert history.next_number(config(), ()) == 1
    assert history.next_number(config(), stored(config(), revision(3, base("hosted")))) == 4
    assert history.next_number(config() | {"status": {"latestRevision": 8}}, ()) == 9


def test_the_oldest_revisions_expire_and_those_that_are_needed_stay() -> None:
    made = stored(config(), *(revision(number, base("hosted")) for number in (5, 1, 2, 3, 4)))

    def gone(needed: tuple[int, ...], limit: int) -> list[int]:
        return [each["revision"] for each in history.expired(config(), made, needed, limit)]

    assert gone((), 5) == []
    assert gone((), 3) == [1, 2]
    assert gone((1,), 3) == [2, 3]
    assert gone((1, 2, 3, 4), 2) == []
    assert gone((), 0) == [1, 2, 3, 4], "the newest stays whatever the limit is"


def test_the_revisions_of_a_predecessor_of_the_same_name_do_not_count() -> None:
    strangers = stored(config(uid="of-before"), *(revision(number, base("hosted")) for number in range(1, 9)))
    assert history.expired(config(), strangers, (), 2) == ()
    assert history.next_number(config(), strangers) == 1


GPU = {**base("hosted"), "hardware": {"profile": "l4", "fallback": {"to": "cpu"}}}


def needs_source(spec: Object, *revisions: Revision) -> bool:
    return history.needs_source(config(spec), stored(config(), *revisions))


def test_the_source_is_asked_for_new_pods_only() -> None:
    before = revision(1, base("hosted"))
    assert needs_source(base("hosted"))
    assert not needs_source(base("hosted"), before)
    assert not needs_source(merged(base("hosted"), {"scaling": {"replicas": 3}}), before)
    assert needs_source(merged(base("hosted"), {"context": 512}), before)


def test_a_spec_that_was_scaled_is_recorded_as_it_was() -> None:
    scaled = merged(base("hosted"), {"scaling": {"replicas": 3}, "pinRevision": 1})
    recorded = [revision(1, of_revision(base("hosted")))]
    assert history.is_recorded(scaled, recorded)
    assert not history.is_recorded(merged(scaled, {"context": 512}), recorded)


def test_a_change_of_policy_and_the_way_back_need_no_source() -> None:
    first, second = revision(1, base("hosted")), revision(2, merged(base("hosted"), {"context": 512}))
    assert not needs_source(merged(base("hosted"), {"generation": {"defaults": {"temperature": 0.5}}}), first)
    assert not needs_source(base("hosted"), first, second)


def test_a_fallback_that_was_never_rendered_needs_the_source() -> None:
    without = merged(GPU, {"hardware": {"fallback": None}})
    assert needs_source(GPU, revision(1, without))
    assert not needs_source(without, revision(1, GPU))


def test_a_provider_needs_no_source() -> None:
    assert not needs_source(base("external"))
