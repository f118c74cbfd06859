"""Who did what: the API server's audit log as requests, and what follows from them."""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.kube import Kube
from tests.support.waiting import wait_until

_WRITING_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})
# Reviews are questions in the shape of a create: nothing is stored.
_QUESTIONS = frozenset({"authentication.k8s.io", "authorization.k8s.io"})
_FLUSH_SECONDS = 10
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Request:
    """One request and the API server's answer."""

    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    manager: str
    code: int
    # Beside what was asked: from which group, with what program, and when.
    group: str = field(default="", compare=False)
    agent: str = field(default="", compare=False, repr=False)
    at: datetime = field(default=_EPOCH, compare=False, repr=False)

    @property
    def accepted(self) -> bool:
        return 200 <= self.code < 300


def requests_in(lines: Iterable[str]) -> Iterator[Request]:
    """Each once, when it was answered; a watch when its answer began, for it may never end."""
    for line in lines:
        event = json.loads(line)
        if event["stage"] == ("ResponseStarted" if event["verb"] == "watch" else "ResponseComplete"):
            yield _request(event)


def writes_in(lines: Iterable[str]) -> Iterator[Request]:
    """Those that wanted to change something."""
    for line in lines:
        event = json.loads(line)
        if event["stage"] == "ResponseComplete" and _is_write(event):
            yield _request(event)


def returns(writes: Sequence[Request]) -> list[str]:
    """In words, who wrote again after somebody else had begun: of two leaders this must never be said."""
    last = ""
    seen: set[str] = set()
    found = []
    for write in sorted(writes, key=lambda each: each.at):
        if write.agent != last and write.agent in seen:
            found.append(f"{write.agent} wrote {write.resource} {write.name} at {write.at} after {last} had begun")
        last = write.agent
        seen.add(write.agent)
    return found


def _is_write(event: dict[str, Any]) -> bool:
    target = event.get("objectRef", {})
    if event["verb"] not in _WRITING_VERBS or target.get("apiGroup") in _QUESTIONS:
        return False
    return "dryRun" not in _query(event)


def _request(event: dict[str, Any]) -> Request:
    target = event.get("objectRef", {})
    kind = "/".join(filter(None, (target.get("resource"), target.get("subresource"))))
    return Request(
        user=event.get("impersonatedUser", event["user"])["username"],
        verb=event["verb"],
        resource=kind,
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        manager=_query(event).get("fieldManager", [""])[0],
        code=event.get("responseStatus", {}).get("code", 0),
        group=target.get("apiGroup", ""),
        agent=event.get("userAgent", ""),
        at=datetime.fromisoformat(event.get("requestReceivedTimestamp", _EPOCH.isoformat())),
    )


def _query(event: dict[str, Any]) -> dict[str, list[str]]:
    return parse_qs(urlsplit(event["requestURI"]).query)


class Audit:
    """The audit log from now on."""

    def __init__(self, log: Path, kube: Kube) -> None:
        self.log = log
        self._kube = kube
        self._start = log.stat().st_size if log.exists() else 0

    def writes(self, user: str | None = None, namespace: str | None = None) -> list[Request]:
        """The accepted writes, oldest first."""
        return [write for write in self.attempts(user, namespace) if write.accepted]

    def attempts(self, user: str | None = None, namespace: str | None = None) -> list[Request]:
        """Refused writes too."""
        return [
            write
            for write in writes_in(self._settled())
            if user in (None, write.user) and namespace in (None, write.namespace)
        ]

    def requests(self, user: str | None = None) -> list[Request]:
        """Reads and questions too."""
        return [request for request in requests_in(self._settled()) if user in (None, request.user)]

    def verbs(self, user: str) -> set[tuple[str, str, str]]:
        """What a user has really made use of, as (group, resource, verb): the rights that it needs."""
        return {(each.group, each.resource, each.verb) for each in self.requests(user) if each.resource}

    def managers(self, namespace: str) -> dict[str, set[str]]:
        """Which field manager has written which resources."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for write in self.writes(namespace=namespace):
            found[write.manager].add(write.resource)
        return dict(found)

    def _settled(self) -> list[str]:
        # A line is written after its answer was sent, so the last write of a test may not be there yet. A read that
        # nobody else makes goes in behind it: once its line stands in the log, so do the lines before.
        marker = f"audit-marker-{secrets.token_hex(8)}"
        self._kube.find({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": marker}})
        wait_until(lambda: any(marker in line for line in self._lines()), _FLUSH_SECONDS, f"{marker} in {self.log}")
        return self._lines()

    def _lines(self) -> list[str]:
        with self.log.open("rb") as file:
            file.seek(self._start)
            whole, _, _ = file.read().rpartition(b"\n")
        return whole.decode().splitlines()
