"""What a request to an API server is about, told from its address."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Reviews are questions in the shape of a create: nothing is stored.
_QUESTIONS = frozenset({"authentication.k8s.io", "authorization.k8s.io"})
# Below a namespace itself; every other word in this place is the name of a resource in it.
_OF_NAMESPACES = frozenset({"status", "finalize"})


@dataclass(frozen=True)
class Call:
    """One request. `number` counts all calls of a proxy, `write` those that count as writes; both begin with 1."""

    method: str
    path: str
    group: str = ""
    resource: str = ""  # with its subresource: deployments/status
    namespace: str = ""
    name: str = ""
    agent: str = ""
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    number: int = 0
    write: int = 0

    @property
    def manager(self) -> str:
        return self.query.get("fieldManager", "")

    @property
    def watching(self) -> bool:
        return self.method == "GET" and self.query.get("watch", "") in ("1", "true", "True")

    @property
    def writing(self) -> bool:
        return self.method in _WRITING and self.group not in _QUESTIONS and "dryRun" not in self.query

    def __str__(self) -> str:
        number = f"write {self.write}: " if self.write else ""
        return f"{number}{self.method} {self.path}"


Which = Callable[[Call], bool]


def every_call(call: Call) -> bool:
    return True


def the_write(number: int) -> Which:
    """The n-th counted write."""
    return lambda call: call.write == number


def writes_of(resource: str = "", namespace: str = "") -> Which:
    return lambda call: call.writing and _about(call, resource, namespace)


def reads_of(resource: str = "", namespace: str = "") -> Which:
    return lambda call: not call.writing and _about(call, resource, namespace)


def watches_of(resource: str = "") -> Which:
    return lambda call: call.watching and _about(call, resource, "")


def _about(call: Call, resource: str, namespace: str) -> bool:
    return resource in ("", call.resource) and namespace in ("", call.namespace)


def write_but_no_lease(call: Call) -> bool:
    """What is counted unless a test says otherwise: a lease is renewed all the time and says nothing."""
    return call.writing and call.resource != "leases"


def parse(method: str, path: str, query: Mapping[str, str], agent: str = "", body: bytes = b"") -> Call:
    """A name that only the body has (a create) is taken from there."""
    group, rest = _group_and_rest(path)
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in _OF_NAMESPACES:
        namespace, rest = rest[1], rest[2:]
    resource = "/".join((*rest[:1], *rest[2:]))
    name = rest[1] if len(rest) > 1 else _name_in(body) if method == "POST" else ""
    return Call(method, path, group, resource, namespace, name, agent, dict(query))


def _group_and_rest(path: str) -> tuple[str, list[str]]:
    match path.strip("/").split("/"):
        case ["api", _, *rest]:
            return "", rest
        case ["apis", group, _, *rest]:
            return group, rest
        case _:
            return "", []


def _name_in(body: bytes) -> str:
    try:
        metadata = json.loads(body)["metadata"]
        return str(metadata.get("name") or metadata.get("generateName", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
