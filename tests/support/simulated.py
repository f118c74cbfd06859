"""A cluster in a few lines, without time of its own: it does what a plan says, and Deployments get pods by script.

The script is in the specs: an engine image whose tag is `broken` cannot be pulled, `crashing` ends again and again,
`mute` gets ready and answers nothing. A pod needs one tick to be placed and one to be ready.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from plimsoll.api import names
from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.plan.deciding import make_plan
from plimsoll.plan.observed import Object, Observed, Proof, ProofResult, SourceState
from plimsoll.plan.plan import Apply, Delete, Event, Plan
from tests.support import rendering
from tests.support.model_configs import base, model_config

_GIVEN = ProofResult(Proof.GIVEN)
GPU = "nvidia.com/gpu"
Pods = list[Object]


class Simulated:
    def __init__(self, spec: Object | None = None, configuration: OperatorConfiguration | None = None) -> None:
        self.now: datetime = rendering.NOW
        self.configuration = configuration or rendering.fixed_configuration()
        self.config = model_config(spec or base("hosted"))
        self.config["metadata"] |= {"uid": "config-uid", "generation": 1, "resourceVersion": "1"}
        self.objects: dict[tuple[str, str], Object] = {}
        self.pods: dict[str, Object] = {}
        self.proofs: dict[str, ProofResult] = {}
        self._answers: dict[str, ProofResult] = {}
        self.source: SourceState | None = rendering.gguf_facts(rendering.SMALL)
        self.gpus = 0
        self.room = 1000  # how many pods the nodes take in all
        self.seen: dict[str, Any] = {}  # further fields of Observed
        self.events: list[Event] = []
        self.started: list[str] = []
        self.plans: list[Plan] = []
        self.watch: Callable[[], None] = lambda: None
        self._count = 1

    # What a user does.

    def edit(self, spec: Object) -> None:
        if spec != self.config["spec"]:
            self.config["spec"] = copy.deepcopy(spec)
            self.config["metadata"]["generation"] += 1

    def restart_operator(self) -> None:
        """Whatever was not in the cluster is forgotten."""
        self.proofs, self._answers = {}, {}

    # What the operator does.

    def observed(self, *, fresh: bool = False) -> Observed:
        revisions = tuple(each for (kind, _), each in self.objects.items() if kind == "ControllerRevision")
        children = tuple(each for (kind, _), each in self.objects.items() if kind != "ControllerRevision")
        seen = Observed(
            config=self.config,
            revisions=revisions,
            children=children,
            pods=tuple(self.pods.values()),
            source=self.source,
            proofs=self.proofs,
            fresh=fresh,
        )
        return replace(seen, **self.seen)

    def plan(self, *, fresh: bool = False) -> Plan:
        return make_plan(self.observed(fresh=fresh), self.configuration, self.now)

    def pass_(self) -> Plan:
        """One pass; what takes something away is planned on fresh reads."""
        plan = self.plan()
        if plan.takes_away:
            plan = self.plan(fresh=True)
        self.act(plan)
        return plan

    def act(self, plan: Plan) -> None:
        self.plans.append(plan)
        for apply in plan.apply:
            self._apply(apply)
        for delete in plan.delete:
            self._delete(delete)
        if plan.status is not None:
            self.config["status"] = copy.deepcopy(plan.status)
        self.events += plan.events
        for request in plan.prove:
            assert request.pod_uid not in self.proofs, "a pod is asked once"
            pod = next(each for each in self.pods.values() if each["metadata"]["uid"] == request.pod_uid)
            mute = _tag(pod) == "mute"
            self._answers[request.pod_uid] = ProofResult(Proof.REFUSED, "it said nothing") if mute else _GIVEN
            self.proofs[request.pod_uid] = ProofResult(Proof.RUNNING)
        self.watch()

    def settle(self, seconds: float = 60) -> None:
        """Passes and ticks of a second, until that time has gone by. When nothing moves, time may leap."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            plan, before = self.pass_(), self._count
            self.tick()
            if self._count == before and plan == Plan(again_after=plan.again_after):
                left = end - self.now
                leap = min(left, plan.again_after - timedelta(seconds=1)) if plan.again_after else left
                self.now += max(leap, timedelta())

    # What the cluster does.

    def tick(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=seconds)
        self.proofs |= self._answers
        for name in [name for name, pod in self.pods.items() if "deletionTimestamp" in pod["metadata"]]:
            del self.pods[name]
            self._version()
        for deployment in self.deployments():
            self._have_pods(deployment)
        # In each second a Deployment gets one more pod placed.
        placed: set[str] = set()
        for pod in list(self.pods.values()):
            workload, waits = pod["metadata"]["labels"][names.LABEL_WORKLOAD], not pod["spec"].get("nodeName")
            if not waits or workload not in placed:
                self._move(pod)
                placed |= {workload} if waits else set()
        for deployment in self.deployments():
            ready = [pod for pod in self.pods_of(deployment) if is_ready(pod)]
            self._say(deployment, "Available", str(len(ready) >= deployment["spec"]["replicas"]))
        self.watch()

    def lose_gpus(self) -> None:
        """The last node with a GPU goes, and its pods with it."""
        self.gpus = 0
        self.room = 1000  # how many pods the nodes take in all
        for name in [name for name, pod in self.pods.items() if _needs_gpu(pod) and pod["spec"].get("nodeName")]:
            del self.pods[name]
        self.watch()

    def lose_pods(self, short: str) -> None:
        for name in [
            name for name, pod in self.pods.items() if pod["metadata"]["labels"][names.LABEL_WORKLOAD] == short
        ]:
            del self.pods[name]

    def delete_by_hand(self, kind: str, name: str) -> None:
        gone = self.objects.pop((kind, name))
        if kind == "Deployment":
            for pod in self.pods_of(gone):
                pod["metadata"]["deletionTimestamp"] = _text(self.now)

    # What a test asks.

    def deployments(self) -> list[Object]:
        return [each for (kind, _), each in self.objects.items() if kind == "Deployment"]

    def deployment(self, short: str) -> Object:
        return self.objects["Deployment", f"chat-{short}"]

    def pods_of(self, deployment: Object) -> Pods:
        mine = deployment["spec"]["selector"]["matchLabels"]
        return [each for each in self.pods.values() if mine.items() <= each["metadata"]["labels"].items()]

    def ready_pods(self, short: str) -> Pods:
        found = self.objects.get(("Deployment", f"chat-{short}"))
        return [pod for pod in self.pods_of(found) if is_ready(pod)] if found else []

    @property
    def live(self) -> list[str]:
        """The workloads that are told to have pods, in the order of their start."""
        return [_short(each) for each in self.deployments() if each["spec"]["replicas"]]

    @property
    def serving(self) -> str | None:
        service = self.objects.get(("Service", "chat"))
        short: str = service["spec"]["selector"][names.LABEL_WORKLOAD] if service else "none"
        return None if short == "none" else short

    @property
    def status(self) -> Object:
        found: Object = self.config.get("status", {})
        return found

    def condition(self, kind: str) -> Object:
        """Empty when it is absent."""
        return next((each for each in self.status.get("conditions", []) if each["type"] == kind), {})

    def revisions(self) -> list[int]:
        return sorted(each["revision"] for (kind, _), each in self.objects.items() if kind == "ControllerRevision")

    def _apply(self, apply: Apply) -> None:
        wanted = copy.deepcopy(apply.object)
        slot = (wanted["kind"], wanted["metadata"]["name"])
        live = self.objects.get(slot)
        assert (live is not None) == apply.exists, f"{slot}: exists={apply.exists}"
        assert apply.only_if in (None, live and live["metadata"]["resourceVersion"]), f"{slot}: {apply.only_if}"
        if live is None:
            self._count += 1
            wanted["metadata"] |= {"uid": f"uid-{self._count}", "creationTimestamp": _text(self.now)}
            if slot[0] == "Deployment":
                self.started.append(_short(wanted))
        else:
            wanted["metadata"] = {**live["metadata"], **wanted["metadata"]}
            wanted |= {"status": live["status"]} if "status" in live else {}
        wanted["metadata"]["resourceVersion"] = self._version()
        self.objects[slot] = wanted

    def _delete(self, delete: Delete) -> None:
        live = self.objects[delete.kind, delete.name]["metadata"]
        assert (live["uid"], live["resourceVersion"]) == (delete.uid, delete.resource_version)
        self.delete_by_hand(delete.kind, delete.name)

    def _have_pods(self, deployment: Object) -> None:
        present = [pod for pod in self.pods_of(deployment) if "deletionTimestamp" not in pod["metadata"]]
        for pod in present[deployment["spec"]["replicas"] :]:
            self._version()
            pod["metadata"]["deletionTimestamp"] = _text(self.now)
        template = deployment["spec"]["template"]
        for _ in range(deployment["spec"]["replicas"] - len(present)):
            self._count += 1
            name = f"{deployment['metadata']['name']}-{self._count}"
            metadata = {**template["metadata"], "name": name, "namespace": "default", "uid": f"uid-{self._count}"}
            made = {"metadata": {**metadata, "creationTimestamp": _text(self.now)}, "spec": template["spec"]}
            self.pods[name] = copy.deepcopy(made) | {"status": {"phase": "Pending", "conditions": []}}

    def _move(self, pod: Object) -> None:
        if "deletionTimestamp" in pod["metadata"]:
            return
        if pod["spec"].get("nodeName"):
            self._run(pod)
            return
        there = [each for each in self.pods.values() if each["spec"].get("nodeName")]
        lacks = "cpu" if len(there) >= self.room else ""
        if _needs_gpu(pod) and sum(map(_needs_gpu, there)) >= self.gpus:
            lacks = GPU
        if lacks:
            self._say(pod, "PodScheduled", "False", "Unschedulable", f"0/3 nodes are available: 3 Insufficient {lacks}")
            return
        pod["spec"]["nodeName"] = "node"
        pod["status"]["podIP"] = "10.0.0.9"
        self._say(pod, "PodScheduled", "True")

    def _run(self, pod: Object) -> None:
        waits = {"broken": "ImagePullBackOff", "crashing": "CrashLoopBackOff"}.get(_tag(pod))
        state: Object = {"waiting": {"reason": waits, "message": waits}} if waits else {"running": {}}
        engine = {"name": "engine", "state": state, "ready": not waits, "restartCount": 3 if waits else 0}
        pod["status"] |= {"phase": "Running", "containerStatuses": [engine]}
        self._say(pod, "Ready", str(not waits))

    def _say(self, of: Object, kind: str, status: str, reason: str = "", message: str = "") -> None:
        conditions = of.setdefault("status", {}).setdefault("conditions", [])
        before = next((each for each in conditions if each["type"] == kind), None)
        if before is None or before["status"] != status:
            of["metadata"]["resourceVersion"] = self._version()
            said = {"type": kind, "status": status, "reason": reason, "message": message}
            said["lastTransitionTime"] = _text(self.now)
            conditions[:] = [each for each in conditions if each["type"] != kind] + [said]

    def _version(self) -> str:
        self._count += 1
        return str(self._count)


def is_ready(pod: Object) -> bool:
    said = {each["type"]: each["status"] for each in pod["status"]["conditions"]}
    return said.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def _needs_gpu(pod: Object) -> bool:
    return any(GPU in each["resources"]["limits"] for each in pod["spec"]["containers"])


def _tag(pod: Object) -> str:
    return str(pod["spec"]["containers"][0]["image"].rpartition(":")[2])


def _short(deployment: Object) -> str:
    return str(deployment["metadata"]["labels"][names.LABEL_WORKLOAD])


def _text(time: datetime) -> str:
    return time.replace(microsecond=0).isoformat().replace("+00:00", "Z")
