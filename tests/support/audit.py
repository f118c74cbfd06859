"""Who wrote what: the API server's audit log as a list of writes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.kube import Kube
from tests.support.waiting import wait_until

_WRITING_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})
# Reviews are questions in the shape of a create: nothing is stored.
_QUESTIONS = frozenset({"authentication.k8s.io", "authorization.k8s.io"})
_FLUSH_SECONDS = 10


@dataclass(frozen=True)
class Write:
    """One request that wanted to change something, and the API server's answer."""

    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    manager: str
    code: int

    @property
    def accepted(self) -> bool:
        return 200 <= self.code < 300


def writes_in(lines: Iterable[str]) -> Iterator[Write]:
    for line in lines:
        event = json.loads(line)
        if event["stage"] == "ResponseComplete" and _is_write(event):
            yield _write(event)


def _is_write(event: dict[str, Any]) -> bool:
    target = event.get("objectRef", {})
    if event["verb"] not in _WRITING_VERBS or target.get("apiGroup") in _QUESTIONS:
        return False
    return "dryRun" not in _query(event)


def _write(event: dict[str, Any]) -> Write:
    target = event.get("objectRef", {})
    kind = "/".join(filter(None, (target.get("resource"), target.get("subresource"))))
    return Write(
        user=event.get("impersonatedUser", event["user"])["username"],
        verb=event["verb"],
        resource=kind,
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        manager=_query(event).get("fieldManager", [""])[0],
        code=event.get("responseStatus", {}).get("code", 0),
    )


def _query(event: dict[str, Any]) -> dict[str, list[str]]:
    return parse_qs(urlsplit(event["requestURI"]).query)


class Audit:
    """The audit log from now on."""

    def __init__(self, log: Path, kube: Kube) -> None:
        self.log = log
        self._kube = kube
        self._start = log.stat().st_size if log.exists() else 0

    def writes(self, user: str | None = None, namespace: str | None = None) -> list[Write]:
        """The accepted writes, oldest first."""
        return [write for write in self.attempts(user, namespace) if write.accepted]

    def attempts(self, user: str | None = None, namespace: str | None = None) -> list[Write]:
        """RefusedError writes too."""
        return [
            write
            for write in writes_in(self._settled())
            if user in (None, write.user) and namespace in (None, write.namespace)
        ]

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
