"""What keeps one container of a pod from serving: its image, its node, its probes, or how it ended."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from plimsoll.api.quoting import last_words, quoted
from plimsoll.api.reasons import Reason
from plimsoll.api.rules.rule import find
from plimsoll.api.termination import decode
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import Object
from plimsoll.plan.pod_state import Container, Ended, condition, moment

_IMAGE = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}
_REFUSED = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "PreCreateHookError",
    "PreStartHookError",
    "PostStartHookError",
    "RunContainerError",
}
_NEVER_RAN = {"StartError", "ContainerCannotRun"}
_BACK_OFF = re.compile(r'^Back-off pulling image "[^"]*"(: ErrImagePull)?(: )?')
# The port that a question went out from is another one each time.
_OWN_PORT = re.compile(r":\d{4,5}->")
_SECRET = re.compile(r'secret "[^"]*" not found|in Secret \S+', re.IGNORECASE)
_ASKED_TO_END = {0, 137, 143}
# For a kubelet to see that a budget is over, and for an engine to recover by itself.
_SLACK = timedelta(seconds=15)
_MOMENT = timedelta(seconds=5)
# Words in the logs of engines that do not know our contract.
_WORDS = (
    (
        Reason.DRIVER_MISSING,
        re.compile(
            r"nvidia-container-cli|libcuda\.so|libnvidia|unresolvable CDI device|no NVIDIA driver|"
            r"no CUDA-capable device|CUDA driver version is insufficient|Failed to infer device type",
            re.IGNORECASE,
        ),
    ),
    (Reason.OUT_OF_MEMORY, re.compile(r"CUDA out of memory|CUDA error: out of memory|bad_alloc|\bMemoryError\b")),
    (Reason.DISK_FULL, re.compile(r"no space left on device", re.IGNORECASE)),
)


def container_trouble(pod: Object, container: Container, now: datetime) -> Finding | None:
    told = f"Pod {pod['metadata']['name']}, container {container.name}"
    words = _OWN_PORT.sub("->", quoted(container.waiting_words))
    if container.waiting in _IMAGE:
        said = _BACK_OFF.sub("", words) or container.waiting
        return Finding(Reason.IMAGE_PULL_FAILED, f'{told}: image "{_image(pod, container)}": {said}')
    if container.waiting in _REFUSED:
        return start_refused(f"{told}: {words or container.waiting}")
    if container.ready or (container.done and container.name != "engine"):
        return None
    ended = container.unhealed
    return (_after_end(told, container, ended) if ended else None) or _too_long(told, pod, container, now)


def _image(pod: Object, container: Container) -> str:
    """The one that could not be pulled: a container waits for its own, and for those that it mounts."""
    mounted = [str(find(volume, "image.reference")) for volume in pod["spec"].get("volumes") or ()]
    own = str(container.spec.get("image"))
    return next((each for each in mounted if each in container.waiting_words), own)


def start_refused(message: str) -> Finding:
    """A node could not make or start something; its words say whether a driver or a Secret is what it lacks."""
    if _SECRET.search(message):
        return Finding(Reason.SECRET_MISSING, message)
    driver = _WORDS[0][1].search(message)
    return Finding(Reason.DRIVER_MISSING if driver else Reason.CONTAINER_REFUSED, message)


def _after_end(told: str, container: Container, ended: Ended) -> Finding | None:
    if ended.why == "OOMKilled":
        limit = container.memory_limit
        return Finding(
            Reason.OUT_OF_MEMORY,
            f"{told}: the kernel ended it because it used more memory than {limit or 'there was'}",
        )
    if ended.why in _NEVER_RAN:
        return start_refused(f"{told}: {quoted(ended.text)}")
    words = decode(ended.text, ended.code)
    if words.reason:
        return Finding(words.reason, f"{told}: {words.message}" if words.message else f"{told} said no more than this")
    if _by_probe(container, ended):
        return Finding(Reason.PROBE_FAILED, f"{told}: it was ended because it did not answer its probes in time")
    return _unknown_end(told, container, ended)


def _by_probe(container: Container, ended: Ended) -> bool:
    """Kubernetes does not say who ended a container. Nobody but a probe ends one without a reason so late."""
    shortest = container.shortest_probe
    if ended.code not in _ASKED_TO_END or shortest is None or ended.ran is None:
        return False
    return ended.ran >= shortest - timedelta(seconds=1)


def _unknown_end(told: str, container: Container, ended: Ended) -> Finding | None:
    said = last_words(ended.text)
    for reason, pattern in _WORDS:
        if pattern.search(ended.text):
            return Finding(reason, f"{told}: {said}")
    if not container.ends_again_and_again:
        return None
    if ended.code == 137:
        how = "it was killed from outside, as a node does that has no memory left"
    else:
        how = f"it ended with exit code {ended.code}"
    return Finding(Reason.CRASH_LOOP, f"{told}: {how}" + (f"; its last words: {said}" if said else ""))


def overdue_at(pod: Object, container: Container) -> datetime | None:
    """When an engine that runs and is not ready has taken too long; None where there is nothing to wait for."""
    since, budget = container.running_since, container.start_budget
    if container.ready or since is None or budget is None:
        return None
    changed = moment(condition(pod, "Ready").get("lastTransitionTime"))
    if container.status.get("started") and "startupProbe" in container.spec and changed and changed > since:
        # It was ready in this run: its probe has failed as often as it may.
        return changed + _MOMENT
    # Between its start and the first answer for being ready a node can take a while: it tells no time of that start.
    return since + budget + _SLACK


def _too_long(told: str, pod: Object, container: Container, now: datetime) -> Finding | None:
    overdue = overdue_at(pod, container)
    if overdue is None or now < overdue:
        return None
    return Finding(Reason.PROBE_FAILED, f"{told}: it runs and does not answer its probe for being ready")
