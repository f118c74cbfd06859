"""A cluster of objects in memory, behind the same door that verbs use; nothing acts on them."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from plimsoll.cli import reaching
from plimsoll.cluster.errors import ClusterError, Conflict, NotFound
from plimsoll.cluster.kinds import Kind, kind_of
from tests.support.model_configs import Object, model_config
from tests.support.simulated import Simulated


class FakeCluster:
    """`trouble` is what the API server answers instead; `written_by` has the name behind each write."""

    def __init__(self, namespace: str = "default") -> None:
        self.namespace = namespace
        self.objects: dict[tuple[Kind, str, str], Object] = {}
        self.trouble: ClusterError | None = None
        # What happens while somebody looks: one for each look, then nothing more.
        self.meanwhile: Iterator[Callable[[], object]] = iter(())
        self.before_replace: Callable[[], None] | None = None
        self.written_by: list[tuple[str, str]] = []
        self._version = 0

    def __call__(self, *objects: Object) -> None:
        for each in objects:
            self._store(each)

    def show(self, world: Simulated) -> None:
        """What a simulated operator made of its ModelConfig so far."""
        pods = [{"apiVersion": "v1", "kind": "Pod", **pod} for pod in world.pods.values()]
        self.objects.clear()
        self(world.config, *world.objects.values(), *pods)

    def config(self, name: str = "chat", namespace: str = "default") -> Object:
        return self.objects[reaching_kind(), namespace, name]

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        for happens in self.meanwhile:
            happens()
            break
        self._refuse()
        found = self.objects.get((kind, namespace or "", name))
        if found is None:
            raise NotFound(f'{kind.plural}.plimsoll.dev "{name}" not found')
        return copy.deepcopy(found)

    async def list(self, kind: Kind, namespace: str | None = None, labels: str = "") -> list[Object]:
        self._refuse()
        return [
            copy.deepcopy(each)
            for (known, place, _), each in self.objects.items()
            if known == kind and namespace in (None, place) and _has(each, labels)
        ]

    async def create(self, wanted: Object, *, manager: str) -> Object:
        self._refuse()
        if self._key(wanted) in self.objects:
            raise Conflict(f'"{wanted["metadata"]["name"]}" already exists')
        self.written_by.append(("create", manager))
        return self._store(wanted)

    async def replace(self, wanted: Object, *, manager: str) -> Object:
        self._refuse()
        if self.before_replace:
            happens, self.before_replace = self.before_replace, None
            happens()
        known = self.objects[self._key(wanted)]
        if known["metadata"]["resourceVersion"] != wanted["metadata"]["resourceVersion"]:
            raise Conflict("the object has been modified")
        self.written_by.append(("replace", manager))
        return self._store(wanted)

    async def delete(self, kind: Kind, namespace: str, name: str, preconditions: Mapping[str, str]) -> None:
        self._refuse()
        known = (await self.get(kind, namespace, name))["metadata"]
        if any(known[key] != value for key, value in preconditions.items()):
            raise Conflict("the object is another one by now")
        del self.objects[kind, namespace, name]

    def _refuse(self) -> None:
        if self.trouble:
            raise self.trouble

    def _store(self, wanted: Object) -> Object:
        self._version += 1
        stored = copy.deepcopy(wanted)
        metadata = stored["metadata"]
        metadata.setdefault("uid", f"uid-{self._version}")
        metadata.setdefault("creationTimestamp", "2026-11-21T08:00:00Z")
        metadata["resourceVersion"] = str(self._version)
        self.objects[self._key(stored)] = stored
        return copy.deepcopy(stored)

    def _key(self, target: Object) -> tuple[Kind, str, str]:
        return kind_of(target), target["metadata"]["namespace"], target["metadata"]["name"]


def reaching_kind() -> Kind:
    return kind_of(model_config({}))


def _has(target: Object, labels: str) -> bool:
    wanted = dict(each.split("=", 1) for each in labels.split(",") if each)
    return wanted.items() <= (target["metadata"].get("labels") or {}).items()


def install(monkeypatch: pytest.MonkeyPatch, cluster: FakeCluster) -> None:
    """Verbs reach this cluster instead of that of the kubeconfig."""

    @asynccontextmanager
    async def connected(where: reaching.Where) -> AsyncIterator[reaching.Reached]:
        client: Any = cluster
        yield reaching.Reached(client, where.namespace or cluster.namespace)

    monkeypatch.setattr(reaching, "connected", connected)
