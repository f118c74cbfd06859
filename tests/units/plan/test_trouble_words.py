"""What nodes, containers and logs say of a trouble becomes its reason, and the most telling one is told."""

from __future__ import annotations

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.api.termination import EXIT_CODES, encode
from plimsoll.plan.trouble import MOST_TELLING, find_trouble, most_telling
from tests.support.seen_pods import Seen


@pytest.mark.parametrize(
    ("why", "words", "reason"),
    [
        ("Evicted", "The node was low on resource: memory. Threshold quantity: 100Mi.", Reason.EVICTED),
        ("Evicted", "The node was low on resource: ephemeral-storage.", Reason.DISK_FULL),
        ("Evicted", "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.", Reason.DISK_FULL),
        ("NodeShutdown", "Pod was terminated in response to imminent node shutdown.", Reason.EVICTED),
        ("OutOfcpu", "Pod was rejected: Node didn't have enough resource: cpu", Reason.EVICTED),
        ("UnexpectedAdmissionError", "Allocate failed due to no healthy devices present", Reason.CONTAINER_REFUSED),
    ],
)
def test_why_a_node_put_a_pod_out_is_told(why: str, words: str, reason: Reason) -> None:
    seen = Seen.of("evicted")
    seen.pods = seen.pods[:1] if seen.pods[0]["status"]["phase"] == "Failed" else seen.pods[1:]
    seen.pods[0]["status"].update(reason=why, message=words)
    found = seen.trouble()
    assert found is not None
    assert found.reason is reason
    assert words in found.message


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown", Reason.DRIVER_MISSING),
        ("failed to inject CDI devices: unresolvable CDI devices nvidia.com/gpu=0", Reason.DRIVER_MISSING),
        ("failed to reserve container name", Reason.CONTAINER_REFUSED),
        ("couldn't find key token in Secret chat/hub", Reason.SECRET_MISSING),
        ('configmap "ca" not found', Reason.CONTAINER_REFUSED),
        ("container has runAsNonRoot and image will run as root", Reason.CONTAINER_REFUSED),
    ],
)
def test_why_a_container_could_not_be_made_is_told(words: str, reason: Reason) -> None:
    seen = Seen.of("secret-env")
    seen.status_of("engine")["state"]["waiting"].update(reason="CreateContainerError", message=words)
    found = seen.trouble()
    assert found is not None
    assert found.reason is reason
    assert words in found.message


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", Reason.OUT_OF_MEMORY),
        ("terminate called after throwing an instance of 'std::bad_alloc'", Reason.OUT_OF_MEMORY),
        ("RuntimeError: Failed to infer device type", Reason.DRIVER_MISSING),
        ("OSError: [Errno 28] No space left on device", Reason.DISK_FULL),
        ("ValueError: unknown option", Reason.CRASH_LOOP),
    ],
)
def test_well_known_words_name_the_trouble_of_an_engine_without_the_contract(log: str, reason: Reason) -> None:
    seen = Seen.of("crash")
    seen.last_end()["message"] = f"starting\n{log}\n"
    assert seen.reason() is reason


def test_a_kill_from_outside_that_no_probe_can_have_asked_for_is_a_crash() -> None:
    seen = Seen.of("crash")
    seen.last_end().update(exitCode=137, reason="Error", message="")
    found = seen.trouble()
    assert found is not None
    assert found.reason is Reason.CRASH_LOOP
    assert "killed from outside" in found.message


def test_an_engine_that_fails_by_itself_after_a_while_was_not_ended_by_a_probe() -> None:
    seen = Seen.of("crash")
    seen.last_end()["startedAt"] = "2026-11-21T08:40:00Z"
    assert seen.reason() is Reason.CRASH_LOOP


@pytest.mark.parametrize("reason", EXIT_CODES)
def test_every_reason_that_a_container_ends_with_is_told_from_its_first_end(reason: Reason) -> None:
    seen = Seen.of("crash-once")
    seen.last_end().update(message=encode(reason, "seen: 3 of 4"), exitCode=EXIT_CODES[reason])
    found = seen.trouble()
    assert found is not None
    assert found.reason is reason
    assert "seen: 3 of 4" in found.message
    seen.last_end().update(message="")
    assert seen.reason() is reason


def test_what_a_container_says_is_told_without_control_characters_and_secrets() -> None:
    seen = Seen.of("crash")
    seen.last_end()["message"] = "\x1b[2J\x00first\nGET https://u:p@hub/x?sig=1 with token=abcdefgh12\n" + "x" * 5000
    found = seen.trouble()
    assert found is not None
    assert found.message.isprintable()
    assert len(found.message) < 1200
    for secret in ("u:p", "sig=1", "abcdefgh12"):
        assert secret not in found.message


def test_the_most_telling_of_several_troubles_is_told() -> None:
    pods = [pod for name in ("gpu", "crash", "checksum", "oom-engine") for pod in Seen.of(name).pods]
    seen = Seen.of("crash")
    for order in (pods, pods[::-1]):
        found = find_trouble(None, order, seen.now)
        assert found is not None
        assert found.reason is Reason.CHECKSUM_MISMATCH


def test_of_equal_troubles_that_of_the_first_pod_by_name_is_told_whatever_their_order() -> None:
    one, other = Seen.of("driver"), Seen.of("driver")
    other.pods[0]["metadata"]["name"] = "driver-another"
    found = {find_trouble(None, order, one.now) for order in map(tuple, (one.pods + other.pods, other.pods + one.pods))}
    assert len(found) == 1


def test_every_reason_of_a_container_has_its_place_in_the_order() -> None:
    assert set(EXIT_CODES) <= set(MOST_TELLING)
    assert len(set(MOST_TELLING)) == len(MOST_TELLING)
    assert most_telling([]) is None


def test_what_somebody_has_to_change_is_told_before_what_time_may_heal() -> None:
    changes = [reason.needs_change for reason in MOST_TELLING]
    assert changes == sorted(changes, reverse=True)


def test_a_job_that_failed_tells_why_its_container_ended() -> None:
    seen = Seen.of("download")
    pod = seen.pods[0]
    pod["status"].update(phase="Failed", containerStatuses=[])
    ended = encode(Reason.NOT_A_MODEL, "it is HTML")
    pod["status"]["initContainerStatuses"][0]["state"] = {"terminated": {"exitCode": 26, "message": ended}}
    found = seen.trouble()
    assert found is not None
    assert found.reason is Reason.NOT_A_MODEL
