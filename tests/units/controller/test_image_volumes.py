"""Whether a cluster mounts images as volumes is asked of the API server itself, once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plimsoll.api.configuration import Images, OperatorConfiguration
from plimsoll.api.reasons import Reason
from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import Forbidden, Refused
from plimsoll.controller.image_volumes import ImageVolumes
from plimsoll.plan.finding import Finding
from tests.support.model_configs import base
from tests.support.rendering import existing
from tests.support.virtual_time import run

Object = dict[str, Any]

CONFIG = existing(base("packed"))
CONFIGURATION = OperatorConfiguration(images=Images(plimsoll="p:1"))


class _Server(Client):
    """What comes of the volumes of a pod in a dry run."""

    def __init__(self, *answers: list[Object] | Exception | None) -> None:
        self.answers = list(answers)
        self.asked: list[Object] = []

    async def dry_run(self, wanted: Object, *, manager: str = "") -> Object:
        self.asked.append(wanted)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        pod = wanted["spec"]["template"]["spec"]
        volumes = pod["volumes"] if answer is None else answer
        return {"spec": {"template": {"spec": {**pod, "volumes": volumes}}}}


def _asks(server: _Server, *pauses: float) -> list[Finding | None]:
    async def main() -> list[Finding | None]:
        volumes, found = ImageVolumes(server), []
        for pause in (*pauses, 0):
            found.append(await volumes.missing(CONFIG, CONFIGURATION))
            await asyncio.sleep(pause)
        return found

    return run(main())


def test_a_server_that_keeps_the_volume_is_asked_once() -> None:
    server = _Server(None)
    assert _asks(server, 1000, 1000) == [None, None, None]
    (asked,) = server.asked
    assert (
        asked["spec"]["template"]["spec"]["volumes"][0]["image"]["reference"]
        == CONFIG["spec"]["source"]["oci"]["image"]
    )


@pytest.mark.parametrize("left", [[], [{"name": "plimsoll-models", "emptyDir": {}}]])
def test_a_server_that_drops_the_volume_is_told_and_asked_again_after_a_minute(left: list[Object]) -> None:
    server = _Server(left, None)
    first, soon, later = _asks(server, 30, 31)
    assert first is not None
    assert (first.reason, soon) == (Reason.IMAGE_VOLUME_UNSUPPORTED, first)
    assert later is None


@pytest.mark.parametrize("error", [Refused("a policy"), Forbidden("no", "create", "jobs")])
def test_what_a_policy_says_of_a_dry_run_is_no_verdict_on_volumes(error: Exception) -> None:
    server = _Server(error, [])
    first, second = _asks(server, 0)
    assert first is None
    assert second is not None
