"""The pods of a workload, complete: what a revision stores, and what runs."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.api import names
from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.pod import PodMetadata, PodSpec, PodTemplate
from plimsoll.plan import fetching, quantities
from plimsoll.plan.engine import PORT, Demand, Launch, Wanted
from plimsoll.plan.gguf_types import MIB
from plimsoll.plan.objects import ENGINE
from plimsoll.plan.observed import Object
from plimsoll.plan.placement import container_security, placement, pod_security
from plimsoll.plan.weights_cache import MODELS, Cache
from plimsoll.plan.written import written

HTTP = "http"
FETCH = "fetch"
_TMP_VOLUME, _RUN_VOLUME, _SHARED_VOLUME = "plimsoll-tmp", "plimsoll-run", "plimsoll-shm"
_GRACE_SECONDS = 120
# Endpoints change first: a pod that ends keeps answering until nobody is sent to it any more.
_PRE_STOP_SECONDS = 5
_STARTUP_PERIOD = 2
# A slow disk and a cold cache are no failure, and an engine that cannot load ends by itself.
_STARTUP_LEAST = 30 * 60
_SLOWEST_LOAD = 16 * MIB
_FETCH_CPU = 250
_FETCH_MEMORY, _FETCH_LIMITS = "256Mi", {"cpu": "1", "memory": "512Mi"}


@dataclass(frozen=True, slots=True)
class Rendering:
    """Everything that the template is made of."""

    wanted: Wanted
    demand: Demand
    launch: Launch
    image: str
    workload: str  # its hash
    cache: Cache | None = None

    @property
    def storage(self) -> int | None:
        return None if self.cache else fetching.storage_of(self.wanted.spec, self.wanted.facts)


def pod_template(rendering: Rendering, configuration: OperatorConfiguration) -> Object:
    wanted = rendering.wanted
    source = wanted.spec.source
    assert source is not None
    own = wanted.spec.pod_template or PodTemplate()
    pod = own.spec or PodSpec()
    labels = _labels(wanted.name, rendering.workload)
    grace = pod.termination_grace_period_seconds or _GRACE_SECONDS
    spec: Object = {
        "serviceAccountName": wanted.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace,
        "securityContext": pod_security(pod),
        **placement(wanted.profile, pod, configuration),
        "topologySpreadConstraints": _spread(pod, labels),
        "containers": [_with_additions(_engine(rendering, min(_PRE_STOP_SECONDS, grace)), pod)],
        "volumes": _volumes(rendering, pod),
    }
    if source.mounted is None:
        spec["initContainers"] = [_with_additions(_fetch(rendering, configuration), pod)]
    return {"metadata": _metadata(labels, own.metadata), "spec": spec}


def startup_seconds(template: Object) -> int:
    """How long a pod of this template may take from its first process to its first answer."""
    probe = template["spec"]["containers"][0]["startupProbe"]
    return int(probe["periodSeconds"] * probe["failureThreshold"])


def _labels(model: str, workload: str) -> dict[str, str]:
    return {**names.common_labels(model, ENGINE), names.LABEL_WORKLOAD: names.short(workload)}


def _metadata(labels: dict[str, str], own: PodMetadata | None) -> Object:
    metadata: Object = {"labels": {**((own and own.labels) or {}), **labels}}
    if own is not None and own.annotations:
        metadata["annotations"] = own.annotations
    return metadata


def _spread(pod: PodSpec, labels: dict[str, str]) -> list[Object]:
    if pod.topology_spread_constraints is not None:
        return list(pod.topology_spread_constraints)
    selected = {key: labels[key] for key in (names.LABEL_MODELCONFIG, names.LABEL_WORKLOAD)}
    return [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selected},
        }
    ]


def _engine(rendering: Rendering, pre_stop: int) -> Object:
    launch = rendering.launch
    environment = (("HOME", "/tmp"), *launch.environment)  # noqa: S108
    container: Object = {
        "name": ENGINE,
        "image": rendering.image,
        **({"command": list(launch.command)} if launch.command else {}),
        "args": list(launch.arguments),
        "env": [{"name": name, "value": value} for name, value in environment],
        "ports": [{"name": HTTP, "containerPort": PORT, "protocol": "TCP"}],
        "resources": _resources(rendering),
        **_probes(launch.ready_path, rendering),
        "lifecycle": {"preStop": {"sleep": {"seconds": pre_stop}}},
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": fetching.MODELS_VOLUME, "mountPath": MODELS, "readOnly": True},
            *_scratch_mounts(),
        ],
    }
    if launch.shared_memory is not None:
        container["volumeMounts"].append({"name": _SHARED_VOLUME, "mountPath": "/dev/shm"})  # noqa: S108
    return container


def _resources(rendering: Rendering) -> Object:
    demand, wanted = rendering.demand, rendering.wanted
    requests = {"cpu": quantities.cpu(demand.cpu_request), "memory": quantities.memory(demand.memory_request)}
    limits = {"cpu": quantities.cpu(demand.cpu_limit)}
    if demand.memory_limit is not None:
        limits["memory"] = quantities.memory(demand.memory_limit)
    if rendering.storage is not None:
        requests["ephemeral-storage"] = quantities.memory(rendering.storage)
    if wanted.profile.gpu is not None:
        gpus = {wanted.profile.gpu.resource: str(wanted.gpus)}
        requests, limits = requests | gpus, limits | gpus
    return {"requests": requests, "limits": limits}


def _probes(ready_path: str, rendering: Rendering) -> Object:
    size = (rendering.wanted.facts and rendering.wanted.facts.size) or rendering.storage or 0
    budget = _STARTUP_LEAST + size // _SLOWEST_LOAD
    return {
        "startupProbe": _probe(ready_path, _STARTUP_PERIOD, -(-budget // _STARTUP_PERIOD)),
        "readinessProbe": _probe(ready_path, 5, 3),
        # Ends only an engine that makes no progress: a minute without an answer.
        "livenessProbe": _probe("/health", 10, 6),
    }


def _probe(path: str, period: int, failures: int) -> Object:
    return {
        "httpGet": {"path": path, "port": HTTP, "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _fetch(rendering: Rendering, configuration: OperatorConfiguration) -> Object:
    source, facts = rendering.wanted.spec.source, rendering.wanted.facts
    assert source is not None
    networks, identity = configuration.sources.private_networks, facts.identity if facts else None
    mounts = [{"name": fetching.MODELS_VOLUME, "mountPath": MODELS}, *_scratch_mounts()]
    if source.credential is not None:
        mounts.append({"name": fetching.CREDENTIAL_VOLUME, "mountPath": fetching.CREDENTIAL, "readOnly": True})
    return {
        "name": FETCH,
        "image": configuration.images.plimsoll,
        "args": fetching.fetch_arguments(source, identity, networks, rendering.cache),
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108
        "resources": _fetch_resources(rendering.demand),
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }


def _fetch_resources(demand: Demand) -> Object:
    # A node sets aside the larger request of the two for as long as the pod lives, and a download takes what is free.
    share = min(_FETCH_CPU, demand.cpu_request)
    return {"requests": {"cpu": quantities.cpu(share), "memory": _FETCH_MEMORY}, "limits": dict(_FETCH_LIMITS)}


def _scratch_mounts() -> list[Object]:
    """The root file system is read-only."""
    return [
        {"name": _TMP_VOLUME, "mountPath": "/tmp"},  # noqa: S108
        {"name": _RUN_VOLUME, "mountPath": "/run/plimsoll"},
    ]


def _volumes(rendering: Rendering, pod: PodSpec) -> list[Object]:
    source = rendering.wanted.spec.source
    assert source is not None
    volumes: list[Object] = [
        fetching.models_volume(source, rendering.storage, rendering.cache),
        {"name": _TMP_VOLUME, "emptyDir": {}},
        {"name": _RUN_VOLUME, "emptyDir": {}},
        *fetching.credential_volumes(source),
    ]
    if rendering.launch.shared_memory is not None:
        limit = quantities.memory(rendering.launch.shared_memory)
        volumes.append({"name": _SHARED_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": limit}})
    return [*volumes, *(written(volume) for volume in pod.volumes or ())]


def _with_additions(container: Object, pod: PodSpec) -> Object:
    """What the user adds to a container. What is reserved was refused at apply; the rest may be replaced."""
    own = next((each for each in pod.containers or () if each.name == container["name"]), None)
    if own is None:
        return container
    return {
        **container,
        "env": _replaced(container["env"], [written(each) for each in own.env or ()], "name"),
        "volumeMounts": _replaced(
            container["volumeMounts"], [written(each) for each in own.volume_mounts or ()], "mountPath"
        ),
    }


def _replaced(entries: list[Object], additions: list[Object], key: str) -> list[Object]:
    """The entries and then the additions, which take the place of what has their key."""
    replaced = {addition[key] for addition in additions}
    return [*(entry for entry in entries if entry[key] not in replaced), *additions]
