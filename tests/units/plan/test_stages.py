"""The stage of a pod on its way is that of its furthest container."""

from __future__ import annotations

from copy import deepcopy

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.plan.stages import stage_of
from tests.support.seen_pods import Seen


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("gpu", Reason.SCHEDULING),
        ("quota", Reason.SCHEDULING),
        ("secret-volume", Reason.STARTING),
        ("image-of-fetch", Reason.STARTING),
        ("image-err", Reason.STARTING),
        ("fetching", Reason.DOWNLOADING),
        ("download", Reason.DOWNLOADING),
        ("download-again", Reason.DOWNLOADING),
        ("loading", Reason.LOADING),
        ("crash", Reason.LOADING),
        ("healthy", Reason.PROVING),
    ],
)
def test_the_stage_of_a_pod_is_that_of_its_furthest_container(name: str, stage: Reason) -> None:
    assert stage_of(Seen.of(name).pods) is stage


def test_the_stage_is_that_of_the_furthest_pod_which_stays() -> None:
    pods = [*Seen.of("gpu").pods, *Seen.of("loading").pods]
    assert stage_of(pods) is Reason.LOADING
    going = deepcopy(pods)
    going[1]["metadata"]["deletionTimestamp"] = "2026-11-21T08:55:00Z"
    assert stage_of(going) is Reason.SCHEDULING


def test_an_engine_that_has_just_ended_was_loading_and_a_pod_that_failed_is_nowhere() -> None:
    seen = Seen.of("loading")
    seen.status_of("engine")["state"] = {"terminated": {"exitCode": 0, "reason": "Completed"}}
    assert stage_of(seen.pods) is Reason.LOADING
    seen.pods[0]["status"]["phase"] = "Failed"
    assert stage_of(seen.pods) is Reason.SCHEDULING
