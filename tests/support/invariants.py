"""What has to be true at the end of every test, whatever it was about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tests.support.kube import Kube, Object
from tests.support.waiting import wait_until

# Everything of ours, and what controllers make of it. A fixed list: asking for every kind would slow every test down.
_KINDS = (
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "Pod"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "ControllerRevision"),
    ("batch/v1", "Job"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
)
_GONE_SECONDS = 20


def require_no_orphans(kube: Kube, namespace: str) -> None:
    """The garbage collector takes its time, so an object without its owner is only one that stays."""
    seen: list[list[str]] = [[]]

    def none_left() -> bool:
        found = [each for kind in _KINDS for each in kube.list(*kind, namespace=namespace)]
        seen[0] = list(orphans(found, lambda reference: _exists(kube, namespace, reference)))
        return not seen[0]

    wait_until(none_left, _GONE_SECONDS, lambda: f"no object outlives its owner: {', '.join(seen[0])}")


def orphans(found: Sequence[Object], exists: Callable[[Object], bool]) -> Iterator[str]:
    """Objects that name an owner and have none left, and are not on their way out."""
    alive = {each["metadata"]["uid"] for each in found}
    for each in found:
        metadata = each["metadata"]
        references = metadata.get("ownerReferences") or []
        if not references or "deletionTimestamp" in metadata:
            continue
        if not any(reference["uid"] in alive or exists(reference) for reference in references):
            yield f"{each['kind']} {metadata['name']} of {references[0]['kind']} {references[0]['name']}"


def _exists(kube: Kube, namespace: str, reference: Object) -> bool:
    """An owner of another kind than those above, under this very uid: a ModelConfig, or a node."""
    if not kube.serves(reference["apiVersion"], reference["kind"]):
        return False
    metadata = {"name": reference["name"], "namespace": namespace}
    owner = kube.find({"apiVersion": reference["apiVersion"], "kind": reference["kind"], "metadata": metadata})
    return owner is not None and bool(owner["metadata"]["uid"] == reference["uid"])
