"""The trouble of a pod gets its name from what the cluster itself says.

The objects in `pods/` are real ones, taken from pods of the test engine on Kubernetes 1.36 when each trouble was
provoked there; only what nobody reads was left out.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.plan.trouble import find_shortfall, may_change_after
from tests.support.seen_pods import Seen


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("image-err", Reason.IMAGE_PULL_FAILED, 'container engine: image "127.0.0.1:1/none:1": failed to pull'),
        ("image-back-off", Reason.IMAGE_PULL_FAILED, "connection refused"),
        (
            "image-of-fetch",
            Reason.IMAGE_PULL_FAILED,
            'container fetch: image "registry.invalid/none:1": failed to pull',
        ),
        ("image-invalid", Reason.IMAGE_PULL_FAILED, "repository name (library/UPPER) must be lowercase"),
        ("oom-engine", Reason.OUT_OF_MEMORY, "container engine: the kernel ended it"),
        ("oom-engine-back-off", Reason.OUT_OF_MEMORY, "more memory than 64Mi"),
        ("oom-fetch", Reason.OUT_OF_MEMORY, "container fetch: the kernel ended it"),
        ("gpu", Reason.UNSCHEDULABLE, "0/2 nodes are available: 2 Insufficient nvidia.com/gpu."),
        ("too-large", Reason.UNSCHEDULABLE, "2 Insufficient memory."),
        ("selector", Reason.UNSCHEDULABLE, "didn't match Pod's node affinity/selector"),
        ("claim", Reason.CLAIM_MISSING, 'persistentvolumeclaim "none" not found'),
        ("download", Reason.DOWNLOAD_FAILED, "container fetch: the test engine was told to end with DownloadFailed"),
        ("download-again", Reason.DOWNLOAD_FAILED, "container fetch: the test engine was told"),
        ("checksum", Reason.CHECKSUM_MISMATCH, "container fetch: the test engine was told"),
        ("never-ready", Reason.PROBE_FAILED, "container engine: it was ended because it did not answer its probes"),
        ("never-ready-back-off", Reason.PROBE_FAILED, "container engine: it was ended because"),
        ("deaf", Reason.PROBE_FAILED, "container engine: it was ended because"),
        ("crash", Reason.CRASH_LOOP, "exit code 1; its last words: File"),
        ("crash", Reason.CRASH_LOOP, "| RuntimeError: the test engine was told to crash"),
        ("silent", Reason.CRASH_LOOP, "exit code 3; its last words: test engine: /models/weights on :8080"),
        ("ends", Reason.CRASH_LOOP, "it ended with exit code 0"),
        ("driver", Reason.DRIVER_MISSING, "container engine: the test engine was told to end with DriverMissing"),
        ("quota", Reason.QUOTA_EXCEEDED, "No pod could be made: exceeded quota: small, requested: limits.memory=64Mi"),
        ("limits", Reason.ADMISSION_REFUSED, "maximum memory usage per Container is 16Mi, but limit is 64Mi"),
        ("podsecurity", Reason.ADMISSION_REFUSED, 'made: violates PodSecurity "restricted:latest": runAsNonRoot'),
        ("priority", Reason.ADMISSION_REFUSED, "no PriorityClass with name nope was found"),
        ("runtimeclass", Reason.ADMISSION_REFUSED, 'RuntimeClass "nope" not found'),
        ("evicted", Reason.DISK_FULL, 'Evicted: Usage of EmptyDir volume "plimsoll-models" exceeds the limit "16Mi"'),
        ("secret-env", Reason.SECRET_MISSING, 'secret "hub" not found'),
        ("no-command", Reason.CONTAINER_REFUSED, 'exec: "/nope"'),
        ("no-command-back-off", Reason.CONTAINER_REFUSED, 'exec: "/nope"'),
        ("lost", Reason.NODE_LOST, "node node-2 does not answer"),
    ],
)
def test_each_trouble_is_named_with_the_words_of_the_cluster(name: str, reason: Reason, words: str) -> None:
    found = Seen.of(name).trouble()
    assert found is not None
    assert found.reason is reason
    assert words in found.message
    assert all(pod["metadata"]["name"] in found.message for pod in Seen.of(name).pods[:1])


@pytest.mark.parametrize("name", ["healthy", "fetching", "loading", "crash-once", "deaf-recovered"])
def test_what_is_on_its_way_or_has_recovered_is_no_trouble(name: str) -> None:
    assert Seen.of(name).trouble() is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("image-err", "image-back-off"),
        ("oom-engine", "oom-engine-back-off"),
        ("download", "download-again"),
        ("never-ready", "never-ready-back-off"),
        ("no-command", "no-command-back-off"),
    ],
)
def test_a_trouble_that_goes_on_is_told_in_the_same_words(one: str, other: str) -> None:
    assert Seen.of(one).trouble() == Seen.of(other).trouble()


def test_names_and_ports_by_chance_are_not_told() -> None:
    first, second = Seen.of("quota"), Seen.of("quota")
    refusal = second.deployment["status"]["conditions"][0]
    refusal["message"] = refusal["message"].replace("b4545b6c4-m82m4", "b4545b6c4-abcde")
    assert first.trouble() == second.trouble()
    seen = Seen.of("image-err")
    seen.status_of("engine")["state"]["waiting"]["message"] = "read udp 10.0.0.2:51234->10.96.0.10:53: i/o timeout"
    found = seen.trouble()
    assert found is not None
    assert "10.0.0.2->10.96.0.10:53" in found.message


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("scheduler", Reason.UNSCHEDULABLE, "no scheduler looks at it; spec.schedulerName is volcano"),
        ("secret-volume", Reason.POD_NOT_STARTED, "it needs Secret hub"),
        ("root", Reason.POD_NOT_STARTED, "has not made its volumes or its network ready"),
        ("loading", Reason.PROBE_FAILED, "does not answer its probe for being ready"),
    ],
)
def test_what_takes_too_long_becomes_a_trouble_with_time(name: str, reason: Reason, words: str) -> None:
    early, late = Seen.of(name), Seen.of(name)
    created = datetime.fromisoformat(early.pods[0]["metadata"]["creationTimestamp"])
    early.now = created + timedelta(seconds=20)
    assert early.trouble() is None
    late.now = created + timedelta(seconds=75)
    found = late.trouble()
    assert found is not None
    assert found.reason is reason
    assert words in found.message


@pytest.mark.parametrize("name", ["scheduler", "secret-volume", "root", "loading", "evicted"])
def test_one_look_when_time_may_tell_is_enough(name: str) -> None:
    seen = Seen.of(name)
    seen.pods = seen.pods[:1]
    seen.now = datetime.fromisoformat(seen.pods[0]["metadata"]["creationTimestamp"]) + timedelta(seconds=20)
    before, wait = seen.trouble(), may_change_after(seen.pods, seen.now)
    assert wait is not None
    seen.now += wait - timedelta(seconds=1)
    assert seen.trouble() == before
    seen.now += timedelta(seconds=1)
    assert seen.trouble() != before
    assert may_change_after(seen.pods, seen.now) is None


@pytest.mark.parametrize("name", ["image-err", "image-back-off"])
def test_an_image_that_a_container_mounts_is_named_and_not_its_own(name: str) -> None:
    seen = Seen.of(name)
    pulled = f"127.0.0.1:1/weights@sha256:{'a' * 64}"
    seen.pods[0]["spec"]["volumes"].append({"name": "weights", "image": {"reference": pulled}})
    waiting = seen.status_of("engine")["state"]["waiting"]
    waiting["message"] = waiting["message"].replace("127.0.0.1:1/none:1", pulled)
    found = seen.trouble()
    assert found is not None
    assert f'container engine: image "{pulled}": ' in found.message


@pytest.mark.parametrize("name", ["healthy", "gpu", "image-err", "quota"])
def test_where_only_an_event_can_change_the_trouble_nobody_has_to_look_again(name: str) -> None:
    seen = Seen.of(name)
    assert may_change_after(seen.pods, seen.now) is None


def not_ready_since(when: str) -> Seen:
    """A pod whose engine has started."""
    seen = Seen.of("healthy")
    for each in seen.pods[0]["status"]["conditions"]:
        if each["type"] in ("Ready", "ContainersReady"):
            each.update(status="False", reason="ContainersNotReady", lastTransitionTime=when)
    seen.status_of("engine")["ready"] = False
    return seen


def test_an_engine_that_was_ready_has_a_moment_before_its_readiness_is_missed() -> None:
    seen = not_ready_since("2026-11-21T09:30:00Z")
    seen.now = datetime.fromisoformat("2026-11-21T09:30:04Z")
    assert seen.reason() is None
    assert may_change_after(seen.pods, seen.now) == timedelta(seconds=1)
    seen.now = datetime.fromisoformat("2026-11-21T09:30:05Z")
    assert seen.reason() is Reason.PROBE_FAILED


def test_an_engine_that_took_long_to_start_is_no_trouble_before_it_is_asked_whether_it_is_ready() -> None:
    seen = not_ready_since("2026-11-21T08:53:58Z")
    seen.now = datetime.fromisoformat("2026-11-21T08:54:20Z")
    assert seen.reason() is None
    seen.later = timedelta(hours=1)
    assert seen.reason() is Reason.PROBE_FAILED


def test_an_end_of_long_ago_says_nothing_of_an_engine_that_has_started_since() -> None:
    seen = Seen.of("never-ready")
    seen.status_of("engine").update(started=True, ready=False)
    seen.pods[0]["status"]["conditions"][2]["lastTransitionTime"] = seen.now.isoformat()
    assert seen.reason() is None


def test_a_pod_that_is_going_is_no_trouble() -> None:
    seen = Seen.of("driver")
    seen.pods[0]["metadata"]["deletionTimestamp"] = "2026-11-21T08:55:00Z"
    assert seen.reason() is None


def test_a_pod_that_fails_beside_one_that_serves_is_only_a_shortfall() -> None:
    seen, healthy = Seen.of("driver"), Seen.of("healthy")
    seen.pods += healthy.pods
    assert seen.reason() is None
    short = find_shortfall(seen.deployment, seen.pods, seen.now)
    assert short is not None
    assert short.reason is Reason.DRIVER_MISSING
    assert find_shortfall(healthy.deployment, healthy.pods, healthy.now) is None


def test_the_record_of_a_pod_that_failed_counts_for_an_hour_and_not_beside_one_that_serves() -> None:
    seen = Seen.of("evicted")
    seen.pods = [pod for pod in seen.pods if pod["status"]["phase"] == "Failed"]
    assert seen.reason() is Reason.DISK_FULL
    seen.later = timedelta(hours=1, minutes=5)
    assert seen.reason() is None
    serving = Seen.of("healthy").pods
    assert find_shortfall(seen.deployment, [*seen.pods, *serving], seen.now) is None


def test_of_the_words_of_a_scheduler_only_the_cause_is_told() -> None:
    found = Seen.of("gpu").trouble()
    assert found is not None
    assert found.message.endswith(": 0/2 nodes are available: 2 Insufficient nvidia.com/gpu.")


def test_a_service_account_that_is_only_just_being_made_is_no_refusal() -> None:
    seen = Seen.of("limits")
    words = 'pods "chat-" is forbidden: error looking up service account chat/chat: serviceaccount "chat" not found'
    seen.deployment["status"]["conditions"][0]["message"] = words
    assert seen.trouble() is None
    seen.deployment["status"]["conditions"][0].update(message="no", status="False")
    assert seen.trouble() is None


def test_a_pod_that_ran_to_its_end_is_no_trouble() -> None:
    seen = Seen.of("ends")
    seen.pods[0]["status"]["phase"] = "Succeeded"
    assert seen.trouble() is None


def test_a_download_that_came_through_at_the_second_try_is_no_trouble() -> None:
    seen = Seen.of("loading")
    seen.status_of("fetch").update(restartCount=1, lastState={"terminated": {"exitCode": 11, "reason": "Error"}})
    assert seen.trouble() is None


def test_a_node_is_lost_when_nobody_knows_of_its_pod_and_not_when_a_gate_is_closed() -> None:
    seen = Seen.of("lost")
    ready = next(each for each in seen.pods[0]["status"]["conditions"] if each["type"] == "Ready")
    ready["reason"] = "ReadinessGatesNotReady"
    assert seen.reason() is None
    seen.pods[0]["status"]["phase"] = "Unknown"
    assert seen.reason() is Reason.NODE_LOST


def test_what_the_volumes_of_a_pod_need_is_told_where_it_may_be_missing() -> None:
    seen = Seen.of("secret-volume")
    seen.pods[0]["spec"]["volumes"] = [
        {"name": "a", "secret": {"secretName": "hub"}},
        {"name": "b", "secret": {"secretName": "spare", "optional": True}},
        {"name": "c", "configMap": {"name": "ca"}},
        {"name": "d", "configMap": {"name": "spare", "optional": True}},
        {"name": "e", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "f", "emptyDir": {}},
    ]
    seen.later = timedelta(minutes=5)
    found = seen.trouble()
    assert found is not None
    assert found.message.endswith("; it needs Secret hub, ConfigMap ca, claim data")
