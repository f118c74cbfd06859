"""The verbs on the command line: what they call, what they print, and how they end."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import tools.cluster.__main__ as command_line
from tests.units.cluster.conftest import Programs
from tools.cluster import instance
from tools.cluster.cache import Cache
from tools.cluster.errors import ClusterError, ComponentFailed
from tools.cluster.status import ComponentStatus, Status

Run = Callable[..., int]


class FakeCluster:
    """Notes what it is asked; `trouble` is raised by `up`."""

    kubeconfig = Path("run/kubeconfig")

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.state = Status("test", "node", "processes", ())
        self.trouble: BaseException | None = None

    def up(self) -> None:
        self.asked.append("up")
        if self.trouble:
            raise self.trouble

    def down(self) -> None:
        self.asked.append("down")

    def load(self, image_archives: Sequence[Path]) -> None:
        self.asked.append(("load", *image_archives))

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        raise NotImplementedError

    def status(self) -> Status:
        return self.state

    def logs(self, component: str = "", lines: int = 50) -> str:
        return f"{lines} lines of {component or 'all'}"

    def pretend_gpus(self, node_name: str, count: int) -> None:
        self.asked.append(("gpu", node_name, count))

    def recycle_volumes(self) -> list[str]:
        return []


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    fake = FakeCluster()

    def choose(name: str, shape: str | None, nodes: int, backend: str) -> FakeCluster:
        fake.asked.append((name, shape, nodes, backend))
        return fake

    monkeypatch.setattr(command_line, "choose_cluster", choose)
    monkeypatch.setattr(command_line, "open_cluster", lambda name: fake)
    return fake


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def typed(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["cluster", *arguments])
        return command_line.main()

    return typed


def test_up_gets_what_was_asked_for(cluster: FakeCluster, run: Run) -> None:
    words = ("up", "--name", "demo", "--shape", "control", "--nodes", "2", "--backend", "processes")
    assert run(*words) == 0
    assert cluster.asked == [("demo", "control", 2, "processes"), "up"]


@pytest.mark.parametrize("verb", ["down", "up"])
def test_verbs_need_no_options(cluster: FakeCluster, run: Run, verb: str) -> None:
    assert run(verb) == 0
    assert cluster.asked == [("test", None, 1, "auto"), verb]


@pytest.mark.parametrize("count", ["0", "10", "two"])
def test_an_impossible_number_of_nodes_is_refused(
    cluster: FakeCluster, run: Run, capsys: pytest.CaptureFixture[str], count: str
) -> None:
    with pytest.raises(SystemExit) as refusal:
        run("up", "--nodes", count)
    assert refusal.value.code == 2
    assert "--nodes: 1 to 9 nodes" in capsys.readouterr().err
    assert cluster.asked == []


ETCD = ComponentStatus("etcd", True)


@pytest.mark.parametrize(("components", "problems", "code"), [([ETCD], [], 0), ([ETCD], ["it hangs"], 1), ([], [], 3)])
def test_the_exit_code_of_status_tells_well_from_broken_from_absent(
    cluster: FakeCluster, run: Run, components: Sequence[ComponentStatus], problems: Sequence[str], code: int
) -> None:
    cluster.state = Status("test", "node", "processes", components, problems=problems)
    assert run("status") == code


def test_status_is_printed(cluster: FakeCluster, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("status")
    assert capsys.readouterr().out == "test: not up\n"


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["kubeconfig"], "run/kubeconfig"),
        (["logs"], "50 lines of all"),
        (["logs", "etcd", "--lines", "3"], "3 lines of etcd"),
        (["recycle"], "nothing to recycle"),
    ],
)
def test_answers_are_printed_alone(
    cluster: FakeCluster,
    run: Run,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    printed: str,
) -> None:
    assert run(*arguments) == 0
    assert capsys.readouterr().out == f"{printed}\n"


def test_archives_are_loaded_and_gpus_are_pretended(cluster: FakeCluster, run: Run) -> None:
    run("load", "a.tar", "b.tar")
    run("gpu", "node-1", "2")
    assert cluster.asked[1:] == [("load", Path("a.tar")), ("load", Path("b.tar")), ("gpu", "node-1", 2)]


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (ComponentFailed("etcd", "ended", "log/etcd.log", "panic"), "error: etcd: ended. Its log: log/etcd.log\npanic"),
        (ClusterError("no room"), "error: no room"),
        (OSError(28, "No space left on device", "manifest.json"), "error: [Errno 28] No space left on device:"),
        (subprocess.TimeoutExpired("docker", 20), "error: Command 'docker' timed out"),
        (KeyboardInterrupt(), "interrupted; run the same command again to go on"),
    ],
)
def test_trouble_is_told_without_a_traceback_and_ends_with_1(
    cluster: FakeCluster,
    run: Run,
    capsys: pytest.CaptureFixture[str],
    trouble: BaseException,
    told: str,
) -> None:
    cluster.trouble = trouble
    assert run("up") == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(told)
    assert printed.out == ""


def test_a_mistake_in_this_program_keeps_its_traceback(cluster: FakeCluster, run: Run) -> None:
    cluster.trouble = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        run("up")


def test_list_shows_every_cluster_of_this_user(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    made = instance.create("demo", "control")
    assert run("list") == 0
    assert capsys.readouterr().out.split() == [made.identity, "control", made.api_url]


def test_kubectl_becomes_the_clusters_own_with_every_word_and_the_terminal(programs: Programs, tmp_path: Path) -> None:
    made = instance.create("demo", "api")
    (made.folder / "recipe").write_text("key")
    script = 'echo "[$KUBECONFIG] $*"; cat; exit 7'
    Cache.of("key").add(programs.put("kubectl", script), "kubectl")
    words = ["kubectl", "--name", "demo", "--", "exec", "-it", "pod", "--", "sh", "-c", "true"]
    done = subprocess.run(
        [sys.executable, "-m", "tools.cluster", *words],
        cwd=instance.CHECKOUT,
        env=os.environ | {"KUBECONFIG": str(tmp_path / "of-the-user")},
        input="typed",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7
    called, typed = done.stdout.splitlines()
    assert called.startswith(f"[] --kubeconfig={made.kubeconfig} --cache-dir=")
    assert called.endswith(" exec -it pod -- sh -c true")
    assert typed == "typed"


def test_a_verb_is_required() -> None:
    with pytest.raises(SystemExit):
        command_line.parser().parse_args([])
