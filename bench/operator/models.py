"""The models of the bench, what belongs to each, and which of it has been written when."""

from collections.abc import Iterable, Mapping
from typing import Any

from bench.operator.audit_tail import Written
from plimsoll.api import names

Object = dict[str, Any]

# What every model of the bench consists of: one of each, and the first word of its status.
PARTS = frozenset(
    {
        "serviceaccounts",
        "services",
        "poddisruptionbudgets",
        "networkpolicies",
        "deployments",
        "controllerrevisions",
        f"{names.PLURAL}/status",
    }
)
CHILDREN = PARTS - {f"{names.PLURAL}/status"}
# Their names are the model's, a dash, and a hash or a number.
_WITH_ENDING = frozenset({"deployments", "controllerrevisions"})


def model(namespace: str, name: str, url: str) -> Object:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name, "namespace": namespace},
        # Without TLS only weights with a checksum are taken; nobody downloads these.
        "spec": {"source": {"http": {"url": url}, "sha256": "0" * 64}},
    }


def model_of(write: Written) -> str:
    """Which model a written object belongs to, by its name."""
    return write.name.rpartition("-")[0] if write.resource in _WITH_ENDING else write.name


class FirstWrites:
    """When each part of each model was first written."""

    def __init__(self, namespace: str, expected: Iterable[str], parts: frozenset[str] = PARTS) -> None:
        self._namespace = namespace
        self._parts = parts
        self.first: dict[str, dict[str, float]] = {name: {} for name in expected}
        self._missing = len(self.first) * len(parts)

    def take(self, writes: Iterable[Written]) -> bool:
        """Whether all is there now."""
        for write in writes:
            if write.namespace != self._namespace or write.resource not in self._parts:
                continue
            parts = self.first.get(model_of(write))
            if parts is not None and write.resource not in parts:
                parts[write.resource] = write.at
                self._missing -= 1
        return self._missing == 0

    def missing(self) -> str:
        """In words, for a bench that waits in vain."""
        lacks = {name: sorted(self._parts - parts.keys()) for name, parts in self.first.items()}
        some = [f"{name} lacks {', '.join(each)}" for name, each in lacks.items() if each][:3]
        return f"{self._missing} objects were not written: {'; '.join(some)}"

    def last(self) -> float:
        """When the last part of the last model was written."""
        return max(at for parts in self.first.values() for at in parts.values())

    def waits(self, begun: Mapping[str, float]) -> list[float]:
        """How long each model waited for its last part."""
        return [max(self.first[name].values()) - at for name, at in begun.items()]
