"""API servers that behave like an older Kubernetes take our definition, our manifests and all that a model consists of.

The server of the recipe emulates the three versions before it: what came later is switched off.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from plimsoll.api import names
from plimsoll.api.crd import custom_resource_definition
from plimsoll.api.kinds import KINDS, Kind
from plimsoll.api.reasons import Reason
from plimsoll.cluster.kinds import CHILDREN
from plimsoll.plan.difference import is_as_wanted, with_intent
from tests.support import objects
from tests.support.golden import golden
from tests.support.instances import running
from tests.support.kube import Kube, Object
from tests.support.model_configs import base, cases, model_config, samples
from tests.support.model_keys import CASES as KEY_CASES
from tests.support.operators import Operators
from tests.support.waiting import wait_until
from tools.cluster import control_plane
from tools.cluster.cache import Cache
from tools.cluster.cluster import ProcessCluster
from tools.cluster.instance import Instance
from tools.cluster.process import Order
from tools.cluster.recipe import KUBERNETES

_BEFORE = 3
_IMAGES_ARE_MOUNTED_SINCE = 35
_SECONDS = 20.0
_ROOT = Path(__file__).resolve().parents[2]
_HERE = "older"


def _older_versions() -> list[str]:
    major, minor = KUBERNETES.removeprefix("v").split(".")[:2]
    return [f"{major}.{int(minor) - back}" for back in range(_BEFORE, 0, -1)]


@pytest.fixture(scope="module", params=_older_versions())
def version(request: pytest.FixtureRequest) -> str:
    asked: str = request.param
    return asked


@pytest.fixture(scope="module")
def mounts_images(version: str) -> bool:
    return int(version.split(".")[1]) >= _IMAGES_ARE_MOUNTED_SINCE


@pytest.fixture(scope="module")
def old(version: str) -> Iterator[ProcessCluster]:
    make = control_plane.order

    def order(component: str, instance: Instance, binaries: Cache) -> Order:
        made = make(component, instance, binaries)
        if component == "kube-apiserver":
            emulated = [f"--emulated-version={version}", f"--min-compatibility-version={version}"]
            made = Order(component, [*made.argv, *emulated])
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(control_plane, "order", order)
        with running(f"test-as-{version.replace('.', '-')}", shape="api") as cluster:
            yield cluster


@pytest.fixture(scope="module")
def kube(old: ProcessCluster) -> Iterator[Kube]:
    """With our definition and everything else that an installation applies."""
    kube = Kube(old.kubeconfig)
    old.kubectl("apply", "--server-side", "-k", str(_ROOT / "manifests" / "base"))
    wait_until(lambda: kube.serves(names.API_VERSION, names.KIND), _SECONDS, "ModelConfig is served")
    kube.create(objects.namespace(_HERE))
    yield kube
    kube.close()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_definition_is_served_as_it_was_declared(kube: Kube, kind: Kind) -> None:
    wanted = custom_resource_definition(kind)
    found = kube.read(wanted)
    conditions = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    assert (conditions["NamesAccepted"], conditions["Established"]) == ("True", "True")
    assert "NonStructuralSchema" not in conditions
    assert found["spec"]["versions"][0]["schema"] == wanted["spec"]["versions"][0]["schema"]


def test_what_is_refused_is_refused_here_too_and_every_sample_is_taken(kube: Kube) -> None:
    judged = [(case.id, case.document, case.breaks) for case in cases()]
    judged += [(case.id, case.document, case.breaks) for case in KEY_CASES]
    wrong = [name for name, document, breaks in judged if (kube.refusal(document) is None) == bool(breaks)]
    assert wrong == []
    for sample in (each for kind in KINDS for each in samples(kind.name)):
        document = yaml.safe_load(sample.read_text())
        document["metadata"]["namespace"] = _HERE
        assert kube.refusal(document) is None, sample.stem


def test_all_that_a_model_consists_of_is_stored_to_the_last_field(kube: Kube, mounts_images: bool) -> None:
    for sample in (each for each in samples() if mounts_images or "oci:" not in each.read_text()):
        for made in (each for each in yaml.safe_load_all(golden(sample).get("objects.yaml", "")) if each):
            made["metadata"]["namespace"] = _HERE
            wanted: Object = with_intent(made)
            first = kube.apply(wanted, manager=names.FIELD_MANAGER, force=True)
            assert is_as_wanted(first, wanted), f"{sample.stem}: {made['kind']}"
            again = kube.apply(wanted, manager=names.FIELD_MANAGER, force=True)
            assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_a_model_from_an_image_begins_where_images_are_mounted_and_is_told_of_elsewhere(
    old: ProcessCluster, kube: Kube, mounts_images: bool, tmp_path: Path
) -> None:
    config = kube.create(model_config(base("packed"), "in-an-image", _HERE))
    ours = f"{names.LABEL_MODELCONFIG}=in-an-image"
    with Operators(old, _HERE, tmp_path) as operators:
        operators.start()
        if mounts_images:
            wait_until(lambda: kube.list("batch/v1", "Job", _HERE, ours), _SECONDS, "a Job looks into the image")
            (job,) = kube.list("batch/v1", "Job", _HERE, ours)
            volume = job["spec"]["template"]["spec"]["volumes"][0]
            assert volume["image"]["reference"] == config["spec"]["source"]["oci"]["image"]
        else:
            wait_until(lambda: _stalled(kube, config), _SECONDS, "the status says that images cannot be mounted")
            assert [kind.name for kind in CHILDREN if kube.list(kind.api_version, kind.name, _HERE, ours)] == []
        operators.end()


def _stalled(kube: Kube, config: Object) -> bool:
    conditions = kube.read(config).get("status", {}).get("conditions") or []
    return ("Stalled", Reason.IMAGE_VOLUME_UNSUPPORTED.value) in {(each["type"], each["reason"]) for each in conditions}
