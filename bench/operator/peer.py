"""What the operator is compared with: a loop that applies the same objects and does nothing else."""

import copy
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from bench.operator.bare import Bare, for_each
from bench.operator.owned import owned
from plimsoll.api import names
from plimsoll.cluster.kinds import CHILDREN, MODEL_CONFIG

Object = dict[str, Any]


class Applied:
    """What the operator had applied in the end, model by model."""

    def __init__(self, models: Sequence[Object], children: Sequence[Object]) -> None:
        self.models = {each["metadata"]["name"]: each for each in models}
        self.children: defaultdict[str, list[Object]] = defaultdict(list)
        for each in children:
            if part := owned(each, names.FIELD_MANAGER):
                self.children[part["metadata"]["labels"][names.LABEL_MODELCONFIG]].append(part)
        self.statuses = {name: owned(each, names.FIELD_MANAGER, "status") for name, each in self.models.items()}


async def read_back(bare: Bare, namespace: str) -> Applied:
    children = [each for kind in CHILDREN for each in await bare.list(kind, namespace, names.LABEL_MODELCONFIG)]
    return Applied(await bare.list(MODEL_CONFIG, namespace), children)


async def apply_all(bare: Bare, applied: Applied, namespace: str) -> None:
    """Each model, then all that belongs to it, as many at once as the server takes well."""

    async def one(name: str) -> None:
        model = applied.models[name]
        metadata = {"name": name, "namespace": namespace}
        made = await bare.create({**_head(model), "metadata": metadata, "spec": model["spec"]})
        for child in applied.children[name]:
            await bare.apply(_moved(child, namespace, made["metadata"]["uid"]))
        status = applied.statuses[name]
        assert status is not None, f"{name} has no status"
        await bare.apply({**_head(model), "metadata": metadata, "status": status["status"]}, "status")

    await for_each(applied.models, one)


def _head(model: Object) -> Object:
    return {name: model[name] for name in ("apiVersion", "kind")}


def _moved(child: Object, namespace: str, owner: str) -> Object:
    """Into another namespace, owned by the model there: else it would be collected as an orphan."""
    moved = copy.deepcopy(child)
    moved["metadata"]["namespace"] = namespace
    for reference in moved["metadata"]["ownerReferences"]:
        reference["uid"] = owner
    return moved
