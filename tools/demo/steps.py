"""The steps of the demo, one after the other: each does only what a person could type."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tools.demo import closing, counts, known, machine
from tools.demo.answers import Used, refusal, revisions, used
from tools.demo.commands import Commands
from tools.demo.errors import DemoFailed

HOME, NAMESPACE, NAME = "plimsoll-system", "quickstart", "assistant"
MODEL = f"{NAMESPACE}/{NAME}"
GATEWAYS = "app.kubernetes.io/name=plimsoll,app.kubernetes.io/component=gateway"
_CONNECT_SECONDS = 30.0
_OVER = 5
_NOBODY_HAS = "localhost/plimsoll/engine:that-nobody-has"
# Of the right form, and nobody's.
_WRONG = f"plm_wrong0{'0' * 43}"
_CANNOT_HEAL = 5
_DIFFERENT = 1


@dataclass
class Demo:
    """What the steps share: where, with what, and what was seen so far."""

    commands: Commands
    cluster: str
    quickstart: Path
    printed: Used = field(default_factory=Used)
    before: dict[str, Used] = field(default_factory=dict)
    revision: int = 0
    times: list[tuple[str, float]] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.commands.root

    @property
    def folder(self) -> Path:
        """What the demo itself keeps; it goes with the instance."""
        return self.root / ".build" / "demo" / self.cluster

    def say(self, text: str) -> None:
        self.commands.terminal.said(text)

    def ask(self, *questions: str, fine: tuple[int, ...] = (0,)) -> str:
        """The printed words of `examples/ask.py`; every answer is counted."""
        more = f"kubectl --namespace {HOME} logs --selector app.kubernetes.io/component=gateway --tail 20"
        said = self.commands.run("python", "examples/ask.py", *questions, fine=fine, more=more)
        self.printed += used(said)
        return said


Step = tuple[str, Callable[[Demo], None]]


def look_at_the_machine(demo: Demo) -> None:
    found = machine.look(demo.root)
    if lacks := machine.lacking(found, again=demo.folder.exists()):
        raise DemoFailed(lacks, "make help")
    demo.say(found.words())


def install(demo: Demo) -> None:
    commands, named = demo.commands, f"CLUSTER={demo.cluster}"
    commands.run("make", "cluster", named, more=f"make cluster-logs {named}")
    commands.run("make", "images", named)
    python = str(demo.root / ".venv" / "bin" / "python")
    find = "import pathlib, tools.install.target as t; print(t.find_kubectl(t.Progress()))"
    put_on_the_path(demo, Path(commands.answer(python, "-c", find).strip()))
    kubeconfig = commands.answer(python, "-m", "tools.cluster", "kubeconfig", "--name", demo.cluster).strip()
    commands.export("KUBECONFIG", kubeconfig)
    commands.run("make", "install", named, more=f"kubectl --namespace {HOME} get pods,events")


def put_on_the_path(demo: Demo, kubectl: Path) -> None:
    """The tools of this checkout, and kubectl with a cache that goes with the instance."""
    tools = demo.folder / "bin"
    tools.mkdir(parents=True, exist_ok=True)
    link = tools / "kubectl"
    link.unlink(missing_ok=True)
    link.symlink_to(kubectl)
    venv = demo.root / ".venv" / "bin"
    path = demo.commands.environment["PATH"]
    demo.commands.export("PATH", f"{tools}:{venv}:{path}", f'"{tools}:{venv}:$PATH"')
    demo.commands.export("KUBECACHEDIR", str(demo.folder / "kubectl"))


def serve(demo: Demo) -> None:
    demo.commands.run("kubectl", "apply", "--filename", _plain(demo, demo.quickstart))
    _wait(demo)


def _wait(demo: Demo, fine: tuple[int, ...] = (0,)) -> str:
    more = f"plimsoll status {NAME} --namespace {NAMESPACE}"
    return demo.commands.run("plimsoll", "wait", NAME, "--namespace", NAMESPACE, fine=fine, more=more)


def _plain(demo: Demo, path: Path) -> str:
    return str(path.relative_to(demo.root)) if path.is_relative_to(demo.root) else str(path)


def find_a_way_in(demo: Demo) -> None:
    commands = demo.commands
    commands.secret(*_key_command(demo, "demo"), name="OPENAI_API_KEY")
    more = f"kubectl --namespace {HOME} describe pods --selector app.kubernetes.io/component=gateway"
    connected = commands.begin("plimsoll", "connect")
    url, said = commands.line_of(connected, "export OPENAI_BASE_URL=", _CONNECT_SECONDS)
    if not url:
        raise DemoFailed(f"There is no way to a gateway: {said}", more)
    commands.export("OPENAI_BASE_URL", url.rpartition("=")[2])
    known.wait_for_the_key(commands, MODEL)
    demo.before = counted(demo)


def _key_command(demo: Demo, name: str, *limits: str) -> list[str]:
    """A key that is there from an earlier run cannot be shown again: it gets another one."""
    found = demo.commands.answer(
        "kubectl", "get", "modelkeys", name, "--namespace", NAMESPACE, "--ignore-not-found", "--output", "name"
    )
    place = ["--namespace", NAMESPACE, "--output", "plain"]
    if found.strip():
        return ["plimsoll", "key", "rotate", name, "--overlap", "0s", *place]
    return ["plimsoll", "key", "create", name, *limits, *place]


def ask(demo: Demo) -> None:
    demo.ask()


def change(demo: Demo) -> None:
    """What a team does next, a mistake among it, and the way back."""
    commands, first = demo.commands, _serving(demo)
    commands.run("kubectl", "apply", "--filename", "examples/with-a-prompt.yaml")
    _wait(demo)
    demo.revision = _serving(demo)
    in_namespace = ("--namespace", NAMESPACE)
    commands.run("plimsoll", "history", NAME, *in_namespace)
    both = (f"{NAME}@{first}", f"{NAME}@{demo.revision}")
    commands.run("plimsoll", "diff", *both, "--changes", *in_namespace, fine=(_DIFFERENT,))
    commands.run("kubectl", "apply", "--filename", "examples/with-a-bad-image.yaml")
    if _NOBODY_HAS not in _wait(demo, fine=(_CANNOT_HEAL,)):
        raise DemoFailed(
            f"The condition does not name {_NOBODY_HAS}.", f"plimsoll status {NAME} --namespace {NAMESPACE}"
        )
    demo.say(f"So much for that image. Revision {demo.revision} still answers:")
    answered = set(revisions(demo.ask("What if the new revision fails?")))
    if answered != {demo.revision}:
        raise DemoFailed(
            f"Revision {demo.revision} was to answer, not {answered}.",
            f"plimsoll status {NAME} --namespace {NAMESPACE}",
        )
    commands.run("plimsoll", "rollback", NAME, "--apply", *in_namespace)
    _wait(demo)


def _serving(demo: Demo) -> int:
    """The number of the revision that takes calls."""
    path = "jsonpath={.status.currentRevision.number}"
    return int(demo.commands.answer("kubectl", "get", "mcfg", NAME, "--namespace", NAMESPACE, "--output", path))


def be_refused(demo: Demo) -> None:
    commands, key = demo.commands, demo.commands.environment["OPENAI_API_KEY"]
    commands.secret(*_key_command(demo, "hurried", "--requests", "4", "--window", "1m"), name="OPENAI_API_KEY")
    known.wait_for_the_key(commands, MODEL)
    demo.say("Four requests in a minute are shared out among the gateways; the fifth is one too many for sure:")
    _was_refused(demo.ask(*["Hello"] * _OVER, fine=(1,)), 429)
    commands.export("OPENAI_API_KEY", _WRONG)
    _was_refused(demo.ask("Hello", fine=(1,)), 401)
    commands.environment["OPENAI_API_KEY"] = key


def _was_refused(said: str, status: int) -> None:
    found = refusal(said)
    if found is None or found.status != status:
        was = f"{found.status}" if found else "an answer"
        raise DemoFailed(
            f"This was to be refused with {status}, and it was {was}.", "plimsoll key list --all-namespaces"
        )


def count(demo: Demo) -> None:
    """What was printed, what the gateways' metrics say and what their records say has to be one and the same."""
    after = counted(demo)
    found = {"printed": demo.printed} | {name: each - demo.before[name] for name, each in after.items()}
    for name, each in found.items():
        demo.say(f"{name:<16}  {each.words()}")
    if differ := counts.differences(found):
        raise DemoFailed(
            f"The counts differ: {differ}.",
            f"kubectl --namespace {HOME} exec deployment/plimsoll-gateway -- plimsoll records --last 0",
        )


def counted(demo: Demo) -> dict[str, Used]:
    """By all gateways together, since they began."""
    commands, metrics, records = demo.commands, Used(), Used()
    listed = commands.answer("kubectl", "get", "pods", "--namespace", HOME, "--selector", GATEWAYS, "--output", "name")
    for pod in (line.removeprefix("pod/") for line in listed.split()):
        path = f"/api/v1/namespaces/{HOME}/pods/{pod}:9090/proxy/metrics"
        commands.terminal.command(f"kubectl get --raw {path} | grep -E '^plimsoll_(requests|tokens)_total'")
        metrics += counts.of_metrics(commands.answer("kubectl", "get", "--raw", path), MODEL)
        words = ["kubectl", "exec", "--namespace", HOME, pod, "--", "plimsoll", "records", "--model", MODEL]
        commands.terminal.command(" ".join(words))
        records += counts.of_records(commands.answer(*words, "--output", "json"))
    return {"metrics": metrics, "records": records}


def close(demo: Demo) -> None:
    for line in closing.table(demo.times, demo.cluster, MODEL):
        demo.say(line)


STEPS: tuple[Step, ...] = (
    ("What this machine has", look_at_the_machine),
    ("A cluster, the images, operator and gateway", install),
    ("A model", serve),
    ("A key, and a way in", find_a_way_in),
    ("Three questions with the stock client", ask),
    ("A changed prompt, a mistake, and the way back", change),
    ("What is refused", be_refused),
    ("Is the counting right?", count),
    ("Where everything is", close),
)


def go(demo: Demo) -> None:
    """All of them, each with its time."""
    terminal = demo.commands.terminal
    for number, (title, step) in enumerate(STEPS, 1):
        began = time.monotonic()
        terminal.heading(f"{number}/{len(STEPS)} {title}")
        step(demo)
        seconds = time.monotonic() - began
        demo.times.append((title, seconds))
        terminal.said(f"({seconds:.1f} s)")
