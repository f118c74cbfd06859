"""Whether this cluster mounts images as volumes. Older API servers take such a volume out of a pod without a word."""

from __future__ import annotations

import asyncio
from typing import Any

from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.reasons import Reason
from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import Conflict, Forbidden, Refused
from plimsoll.cluster.kinds import Object
from plimsoll.plan.fetching import MODELS_VOLUME
from plimsoll.plan.finding import Finding
from plimsoll.plan.inspecting import inspect_job

# Seconds after which a server that could not is asked again: it may have been upgraded.
_ASK_AGAIN = 60.0
_DROPPED = Finding(
    Reason.IMAGE_VOLUME_UNSUPPORTED,
    "the API server drops the volume with the image of the weights from the pods of the model",
)


class ImageVolumes:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._supported = False
        self._ask_at = 0.0

    async def missing(self, config: Object, configuration: OperatorConfiguration) -> Finding | None:
        """Why a model from an image cannot run here. What works once is not asked for again."""
        now = asyncio.get_running_loop().time()
        if not self._supported and now >= self._ask_at:
            kept = await self._kept(inspect_job(config, configuration))
            if kept is None:
                # What a policy says of the pod is told when the real one is written.
                return None
            self._supported, self._ask_at = kept, now + _ASK_AGAIN
        return None if self._supported else _DROPPED

    async def _kept(self, job: Object) -> bool | None:
        """Whether the volume is in what the server would store; the version says nothing about its feature gates."""
        metadata = {**job["metadata"], "name": f"{job['metadata']['name']}-dry"}
        try:
            stored = await self._client.dry_run({**job, "metadata": metadata})
        except (Refused, Forbidden, Conflict):
            return None
        volumes: list[dict[str, Any]] = stored["spec"]["template"]["spec"].get("volumes") or []
        return any(each["name"] == MODELS_VOLUME and "image" in each for each in volumes)
