"""A cluster of plain dictionaries with the rules of an API server that our writes lean on; for unit tests."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import ClusterError, Conflict, NotFound
from plimsoll.cluster.kinds import Kind, Object, kind_of

Place = tuple[Kind, str, str]


class ToyCluster(Client):
    """`refuse` is asked before every request: an error that it returns is raised."""

    def __init__(self, *objects: Object) -> None:
        self.objects: dict[Place, Object] = {}
        self.requests: list[str] = []
        self.refuse: Callable[[str, Kind, str], ClusterError | None] = lambda *_: None
        self._version = 100
        for each in objects:
            self.add(each)

    @property
    def writes(self) -> list[str]:
        return [each for each in self.requests if each.split()[0] not in ("get", "list")]

    def add(self, wanted: Object) -> Object:
        stored = copy.deepcopy(wanted)
        metadata = stored["metadata"]
        self._version += 1
        metadata.setdefault("uid", f"uid-{self._version}")
        metadata["resourceVersion"] = str(self._version)
        metadata.setdefault("creationTimestamp", "2026-11-21T00:00:00Z")
        self.objects[_place(stored)] = stored
        return copy.deepcopy(stored)

    def remove(self, kind: Kind, name: str, namespace: str = "team") -> Object:
        return self.objects.pop((kind, namespace, name))

    def find(self, kind: Kind, name: str, namespace: str = "team") -> Object | None:
        return copy.deepcopy(self.objects.get((kind, namespace, name)))

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        self._ask("get", kind, name)
        return copy.deepcopy(self._known((kind, namespace or "", name)))

    async def pages(
        self, kind: Kind, namespace: str | None = None, labels: str = ""
    ) -> AsyncIterator[tuple[list[Object], str]]:
        self._ask("list", kind, labels)
        key, _, value = labels.partition("=")
        found = [
            copy.deepcopy(each)
            for (of, where, _), each in self.objects.items()
            if of == kind and namespace in (None, where) and (not key or each["metadata"]["labels"].get(key) == value)
        ]
        yield found, str(self._version)

    async def apply(self, wanted: Object, *, manager: str = "", only_new: bool = False) -> Object:
        place = _place(wanted)
        self._ask("apply", place[0], place[2])
        before = self.objects.get(place)
        self._check(before, wanted["metadata"], only_new=only_new)
        made = copy.deepcopy(wanted)
        if before:
            made["metadata"] = {**before["metadata"], **made["metadata"]}
            made = {**before, **made}
        return self.add(made)

    async def apply_status(self, wanted: Object, *, manager: str = "") -> Object:
        place = _place(wanted)
        self._ask("status", place[0], place[2])
        before = self._known(place)
        # As the real one does it: of the metadata of a status only the version counts.
        self._check(before, {"resourceVersion": wanted["metadata"].get("resourceVersion")})
        return self.add({**before, "status": wanted["status"]})

    async def create(self, wanted: Object, *, manager: str = "") -> Object:
        self._ask("create", kind_of(wanted), wanted.get("reason", wanted["metadata"]["name"]))
        return self.add(wanted)

    async def delete(
        self, kind: Kind, namespace: str | None, name: str, preconditions: Mapping[str, str] | None = None
    ) -> None:
        self._ask("delete", kind, name)
        found = self._known((kind, namespace or "", name))
        if any(found["metadata"][key] != value for key, value in (preconditions or {}).items()):
            raise Conflict(f"{name} is another one by now")
        del self.objects[kind, namespace or "", name]

    def _known(self, place: Place) -> Object:
        if place not in self.objects:
            raise NotFound(f"{place[0].name} {place[2]} not found")
        return self.objects[place]

    def _check(self, before: Object | None, metadata: Mapping[str, Any], *, only_new: bool = False) -> None:
        if only_new and before:
            raise Conflict("the object has been modified")
        uid, version = metadata.get("uid"), metadata.get("resourceVersion")
        if uid and (before is None or before["metadata"]["uid"] != uid):
            raise Conflict("uid mismatch")
        if version and before and before["metadata"]["resourceVersion"] != version:
            raise Conflict("the object has been modified")

    def _ask(self, verb: str, kind: Kind, name: str) -> None:
        self.requests.append(f"{verb} {kind.name} {name}")
        if error := self.refuse(verb, kind, name):
            raise error


def _place(wanted: Object) -> Place:
    return kind_of(wanted), wanted["metadata"]["namespace"], wanted["metadata"]["name"]
