"""From a client to a token, installed as users install it, with three gateways, whatever is changed meanwhile."""

from __future__ import annotations

import json
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from plimsoll.api.plain_key import RANDOM_BYTES, hash_of, make_key
from tests.support import objects, pods
from tests.support.form import Form
from tests.support.kube import Kube
from tests.support.model_configs import merged, model_config
from tests.support.model_keys import model_key
from tests.support.objects import Object
from tests.support.operators import usual_configuration
from tests.support.served_models import Model, model_spec, told
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster
from tools.cluster.process import ProcessTable
from tools.cluster.progress import Progress
from tools.images.build import Builder
from tools.images.recipes import RECIPES
from tools.install.installing import ROOT, install
from tools.install.removing import remove
from tools.install.settings import GATEWAY, HOME, NAME, Asked
from tools.install.target import Target

SECONDS = 120.0
GATEWAYS = 3
# What a gateway may take to act by a change: 99 of 100, and a key that is taken back always.
SOON, AT_LAST = 2.0, 5.0
URL = f"http://{GATEWAY}.{HOME}.svc"
_CALLERS = (Path(__file__).parents[1] / "support" / "callers_in_pods.py").read_text()


@dataclass
class Served:
    """An installation that serves one namespace, with one model and one key of it."""

    kube: Kube
    cluster: ProcessCluster
    namespace: str
    image: str
    weights: str
    plain: str = field(repr=False)
    key: Object
    model: Model

    def gateways(self) -> list[Object]:
        found = self.kube.list("v1", "Pod", HOME, "app.kubernetes.io/component=gateway")
        return [pod for pod in found if pods.ready(pod) and "deletionTimestamp" not in pod["metadata"]]

    def addresses(self) -> list[str]:
        """Of every gateway."""
        found = [f"http://{pod['status']['podIP']}:8080" for pod in self.gateways()]
        assert len(found) == GATEWAYS
        return found

    def last_refusals(self, watch: Object) -> list[float]:
        """When each gateway was asked for the last time before it answers, as soon as all of them do."""

        def answered() -> list[float]:
            last = {each["gateway"]: each for each in self.said(watch)}
            good = [each["last_asked"] for each in last.values() if each["seen"][0] == 200]
            return good if len(good) == GATEWAYS else []

        return wait_until(answered, SECONDS, lambda: f"every gateway answers: {self.said(watch)[-5:]}")

    def operators(self) -> set[str]:
        found = self.kube.list("v1", "Pod", HOME, "app.kubernetes.io/component=operator")
        return {pod["metadata"]["uid"] for pod in found}

    def caller(self, verb: str, *rest: str, of: str = "") -> Object:
        """A pod of callers, begun: for the model that all share, or another one."""
        wanted = objects.pod(self.namespace, f"caller-{secrets.token_hex(3)}", self.image)
        name = f"{self.namespace}/{of or self.model.config['metadata']['name']}"
        command = ["python3", "-c", _CALLERS, verb, self.plain, name, *rest]
        wanted["spec"]["containers"][0]["command"] = command
        wanted["spec"]["restartPolicy"] = "Never"
        self.kube.create(wanted)
        return self.kube.wait(wanted, lambda found: pods.phase(found) == "Running", SECONDS, "the callers begin")

    def said(self, caller: Object) -> list[dict[str, Any]]:
        lines = pods.logs(self.cluster, caller).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    @contextmanager
    def calls(self, count: int, seconds: float) -> Iterator[None]:
        """Through the Service at an even pace while something happens; not one of them may fail."""
        caller = self.caller("call", str(count), str(seconds), URL)
        wait_until(lambda: self.said(caller), SECONDS, "calls are answered")
        yield
        ended = self.kube.wait(
            caller, lambda found: pods.phase(found) in ("Succeeded", "Failed"), seconds + SECONDS, "the calls end"
        )
        assert self.said(ended)[1:] == [{"answered": count, "failed": []}], pods.logs(self.cluster, ended)
        self.kube.delete(caller)


@pytest.fixture(scope="module")
def path(
    *,
    cluster: ProcessCluster,
    kube: Kube,
    definition: Object,
    engine: str,
    weights: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    name = f"path-{secrets.token_hex(3)}"
    kube.create(objects.namespace(name))
    kube.wait(objects.service_account(name), lambda _: True, SECONDS, f"the service account of {name}")
    image, _ = Builder(ROOT, "auto", "", Progress()).build(RECIPES["plimsoll"])
    configuration = tmp_path_factory.mktemp("path") / "configuration.yaml"
    settings = {"images": {"plimsoll": engine}, "profiles": [{"name": "cpu"}], "proof": "prompt"}
    configuration.write_text(yaml.safe_dump({**usual_configuration(), **settings}))
    target = Target("the cluster of the tests", cluster.kubectl, cluster.instance.identity)
    asked = Asked(image=image.reference, configuration=configuration, namespaces=(name,), gateways=GATEWAYS)
    try:
        install(target, asked, Progress(), force=True, patience=SECONDS)
        plain = make_key("x7Kq2a", secrets.token_bytes(RANDOM_BYTES))
        key = kube.create(model_key({"hash": hash_of(plain.encode())}, "app", name))
        config = kube.create(model_config(model_spec(engine, weights), "chat", name))
        model = Model(kube, config)
        model.ready(SECONDS)
        yield Served(kube, cluster, name, engine, weights, plain, key, model)
    finally:
        remove(target, Progress(), crds=False, models_too=False)
        kube.delete(objects.namespace(name))


@dataclass
class Change:
    """One change, the outcome by which a gateway shows it, and when each gateway did."""

    words: str
    shown: Callable[[list[Any]], bool]
    asked: float
    acted: list[float] = field(default_factory=list)

    @property
    def slowest(self) -> float:
        return max(self.acted) - self.asked


class Changes:
    """Changes one after the other, each until every gateway has acted by it."""

    def __init__(self, path: Served) -> None:
        self._path = path
        self._watch = path.caller("watch", *path.addresses())
        self._number = 0
        self._is_suspended = False
        self.made: list[Change] = []

    def make(self, number: int) -> None:
        """Limits, keys and prompts in turn; a key that was suspended is taken up again by the next one."""
        kinds = (self._limit, self._suspend, self._resume, self._prompt)
        kinds[number % len(kinds)]()

    def end(self) -> None:
        """The key is left as whoever comes next needs it, whichever change was the last one."""
        if self._is_suspended:
            self._resume()
        self._path.kube.delete(self._watch)

    def _limit(self) -> None:
        self._number += 1
        limit = 1_000_000 + self._number
        self._do("limit", {"limits": {"requests": limit}}, lambda seen: seen[0] == 200 and seen[1] == str(limit))

    def _suspend(self) -> None:
        self._do("key suspended", {"suspended": True}, lambda seen: seen[0] in (401, 403))
        self._is_suspended = True

    def _resume(self) -> None:
        self._do("key taken up again", {"suspended": False}, lambda seen: seen[0] == 200)
        self._is_suspended = False

    def _prompt(self) -> None:
        self._number += 1
        revision = self._path.kube.read(self._path.model.config)["status"]["latestRevision"] + 1
        prompt = {"active": "a", "roles": [{"name": "a", "system": f"You are sailor {self._number}."}]}
        shown = Change("prompt", lambda seen: seen[0] == 200 and seen[2] == str(revision), time.time())
        self._path.model.change({"prompt": prompt})
        self._follow(shown)

    def _do(self, words: str, change: Object, shown: Callable[[list[Any]], bool]) -> None:
        made = Change(words, shown, time.time())
        self._path.kube.merge(self._path.key, {"spec": change})
        self._follow(made)

    def _follow(self, change: Change) -> None:
        def acted() -> list[float]:
            first: dict[int, float] = {}
            for each in self._path.said(self._watch):
                if each["at"] >= change.asked and change.shown(each["seen"]):
                    first.setdefault(each["gateway"], each["at"])
            return list(first.values()) if len(first) == GATEWAYS else []

        change.acted = wait_until(acted, SECONDS, lambda: f"every gateway acts by {change.words}: {self._last()}")
        self.made.append(change)

    def _last(self) -> list[dict[str, Any]]:
        return self._path.said(self._watch)[-5:]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_change_acts_on_every_gateway_at_once_also_while_the_operator_is_replaced(path: Served, form: Form) -> None:
    changes = Changes(path)
    count = form.count(small=8, large=200)
    before = path.operators()
    for number in range(count):
        if number == count // 2:
            path.cluster.kubectl("rollout", "restart", f"deployment/{NAME}", f"--namespace={HOME}")
        changes.make(number)
    # The old one may still lead.
    while path.operators() & before:
        changes.make(len(changes.made))
    changes.end()
    times = sorted((each.slowest, each.words) for each in changes.made)
    print(f"{len(times)} changes: median {times[len(times) // 2]}, slowest {times[-3:]}")
    if form.long:
        assert times[int(0.99 * len(times)) - 1][0] < SOON, times[-5:]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_neither_new_gateways_nor_a_new_engine_fail_a_call(path: Served, form: Form) -> None:
    seconds = form.count(small=60, large=500)
    with path.calls(10 * seconds if not form.long else 20 * seconds, seconds):
        path.cluster.kubectl("rollout", "restart", f"deployment/{GATEWAY}", f"--namespace={HOME}")
        path.model.change({"context": 1024 + secrets.randbelow(512)})
        path.model.ready(SECONDS)
        path.cluster.kubectl(
            "rollout", "status", f"deployment/{GATEWAY}", f"--namespace={HOME}", f"--timeout={SECONDS:.0f}s"
        )


@pytest.mark.long
@pytest.mark.timeout(900)
def test_o20_whoever_is_told_that_a_model_is_ready_is_answered_by_every_gateway(path: Served, form: Form) -> None:
    lies = []
    for number in range(form.count(small=3, large=30)):
        name = f"ready-{number}"
        caller = path.caller("watch", *path.addresses(), of=name)
        config = path.kube.create(model_config(model_spec(path.image, path.weights), name, path.namespace))
        told = _ready_since(Model(path.kube, config))
        lies += [refused - told for refused in path.last_refusals(caller)]
        path.kube.delete(config)
        path.kube.delete(caller)
    print(f"the last calls that met no model were made from {min(lies):.3f} to {max(lies):.3f} s after Ready was read")
    assert max(lies) < 0, lies


def _ready_since(model: Model) -> float:
    """The moment at which somebody who looks all the time reads it."""

    def ready() -> bool:
        return bool(model.condition("Ready")["status"] == "True")

    wait_until(ready, SECONDS, lambda: f"the model is ready, not {model.condition('Ready')}", longest_pause=0.01)
    return time.time()


@pytest.mark.long
def test_calls_go_on_without_operator_and_api_server(path: Served) -> None:
    server = ProcessTable(path.cluster.instance.records, path.cluster.instance.logs).get("kube-apiserver")
    assert server is not None
    with path.calls(300, 30):
        path.cluster.kubectl("scale", f"deployment/{NAME}", f"--namespace={HOME}", "--replicas=0")
        try:
            server.signal(signal.SIGSTOP)
            # Nobody could tell of an end: the calls have their own time.
            time.sleep(10)
        finally:
            server.signal(signal.SIGCONT)
            path.cluster.kubectl("scale", f"deployment/{NAME}", f"--namespace={HOME}", "--replicas=1")


@pytest.mark.long
def test_whatever_keeps_a_model_from_serving_is_503_in_words(path: Served) -> None:
    kinds: dict[str, Object] = {
        "ImagePullFailed": {"engine": {"image": "127.0.0.1:1/none:1"}},
        "OutOfMemory": told("engine", "eat-memory"),
        "DownloadFailed": told("fetch", "end=DownloadFailed"),
        "CrashLoop": told("engine", "crash"),
        "SourceNotFound": {"source": {"http": {"url": path.weights.replace("tiny", "nobody")}}},
        "ClaimMissing": {"source": {"http": None, "sha256": None, "pvc": {"claimName": "nobody", "path": "a.gguf"}}},
        "Unschedulable": {"resources": {"requests": {"memory": "1Ti"}, "limits": {"memory": "1Ti"}}},
        "Loading": told("engine", "never-ready"),
    }
    made = {}
    for reason, change in kinds.items():
        spec = merged(model_spec(path.image, path.weights), change)
        made[reason] = path.kube.create(model_config(spec, f"bad-{reason.lower()}", path.namespace))
    caller = path.caller("ask", URL, *(f"{path.namespace}/bad-{reason.lower()}" for reason in kinds))

    def latest() -> dict[str, Any]:
        return {each["model"].rpartition("bad-")[2]: each for each in path.said(caller)}

    def all_told() -> bool:
        found = latest()
        return all(reason in found.get(reason.lower(), {}).get("text", "") for reason in kinds)

    wait_until(all_told, SECONDS, lambda: f"each is told in its words: {latest()}")
    for reason in kinds:
        found = latest()[reason.lower()]
        assert found["status"] == 503, found
        assert int(found["retry_after"]) > 0, found
    for config in made.values():
        path.kube.delete(config)
    path.kube.delete(caller)
