"""The images of the project: built here for real, the same each time, repaired after a kill, run in a pod."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import uv

from tests.support import objects, pods
from tests.support.kube import Kube
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster
from tools.images import contents, record
from tools.images.commands import cache_root
from tools.images.record import Built

ROOT = Path(__file__).parents[2]
_MOST_MEGABYTES = 320
_SECONDS = 120

# In CI a machine without them fails, as one without a whole tier does.
pytestmark = pytest.mark.skipif(
    os.environ.get("CI") != "true" and not (shutil.which("buildah") and shutil.which("mmdebstrap")),
    reason="needs buildah and mmdebstrap",
)


class Checkout:
    """A copy of this one, to change things in; on request with a cache that has the downloads and nothing built."""

    def __init__(self, folder: Path, own_cache: bool = False) -> None:
        self.root = folder / "checkout"
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
        )
        for name in listed.stdout.decode().split("\0"):
            if name and (ROOT / name).exists():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.root / name)
        self.cache = folder / "cache" if own_cache else None
        if self.cache:
            for part in ("base", "wheels"):
                shutil.copytree(cache_root() / part, self.cache / "plimsoll" / "images" / part)

    def start_build(self, *options: str) -> subprocess.Popen[str]:
        env = {**os.environ, **({"XDG_CACHE_HOME": str(self.cache)} if self.cache else {})}
        command = [sys.executable, "-m", "tools.images", "build", "--only", "plimsoll", *options]
        return subprocess.Popen(
            command, cwd=self.root, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def build(self, *options: str) -> tuple[Built, str]:
        """The image, and what the build said."""
        running = self.start_build(*options)
        said, _ = running.communicate(timeout=_SECONDS)
        assert running.returncode == 0, said
        return record.read(self.root)["plimsoll"], said

    def change(self, line: str) -> None:
        with (self.root / "operator" / "plimsoll" / "errors.py").open("a") as code:
            code.write(f"# {line}\n")

    def commit(self, message: str) -> str:
        """Everything as the only commit there is."""
        shutil.rmtree(self.root / ".git", ignore_errors=True)
        git = ["git", "-C", str(self.root), "-c", "user.name=test", "-c", "user.email=test@localhost"]
        for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", message]):
            subprocess.run([*git, *command], check=True, capture_output=True)
        return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    def layers(self) -> list[str]:
        return contents.layers_of(self.root / record.read(self.root)["plimsoll"].archive)


@pytest.fixture(scope="module", autouse=True)
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built once, so that no test pays for the downloads and the base."""
    return Checkout(tmp_path_factory.mktemp("built")).build()[0]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.long
def test_the_image_runs_the_command_in_a_restricted_pod(
    cluster: ProcessCluster, kube: Kube, namespace: str, checkout: Checkout
) -> None:
    image, said = checkout.build("--cluster", cluster.instance.identity)
    assert f"loaded into cluster {cluster.instance.identity}" in said
    wanted = objects.pod(namespace, "version", image.reference, ["--version"])
    assert "0.1.0" in pods.run(kube, cluster, wanted)


@pytest.mark.long
def test_a_build_without_changes_builds_nothing_and_loads_nothing_that_is_there(
    cluster: ProcessCluster, checkout: Checkout
) -> None:
    name = cluster.instance.identity
    first, _ = checkout.build("--cluster", name)

    def nothing_done() -> str:
        again, said = checkout.build("--cluster", name)
        assert again == first
        assert "nothing changed" in said
        # A node reports a new image only after some seconds.
        return said if f"cluster {name} has {first.reference}" in said else ""

    assert "loaded into" not in wait_until(nothing_done, _SECONDS, "the nodes report the image")


def test_the_image_is_small_and_holds_no_installer_and_no_wheel(checkout: Checkout) -> None:
    image, _ = checkout.build()
    assert sum(part.size for part in image.parts) / 1e6 <= _MOST_MEGABYTES
    names = {part.name for part in image.parts}
    assert names >= {"base", "python", "plimsoll", "typer"}
    assert not names & {"pip", "setuptools", "uv", "wheel"}
    left = [path for path in contents.files_of(checkout.root / image.archive) if path.endswith((".whl", "/uv", "/pip"))]
    assert not left


def test_a_change_of_our_code_makes_only_our_layers_new(checkout: Checkout) -> None:
    checkout.build()
    before = checkout.layers()
    checkout.change("another line")
    checkout.build()
    after = checkout.layers()
    assert before != after
    # The system and the dependencies, which are nearly all of the image.
    assert before[:2] == after[:2]


def test_bytecode_is_compiled_in_and_needs_no_look_at_its_source(checkout: Checkout) -> None:
    image, _ = checkout.build()
    files = contents.files_of(checkout.root / image.archive)
    ours = [path for path in files if "site-packages/plimsoll/" in path and path.endswith(".py")]
    compiled = [str(Path(path).parent / "__pycache__" / f"{Path(path).stem}.cpython-311.pyc") for path in ours]
    assert ours
    assert set(compiled) <= set(files)


def test_the_labels_name_the_commit_of_the_sources_also_when_only_the_commit_is_new(checkout: Checkout) -> None:
    revisions = []
    for message in ("first", "second"):
        revisions.append(checkout.commit(message))
        image, _ = checkout.build()
        labels = contents.labels_of(checkout.root / image.archive)
        assert labels["org.opencontainers.image.revision"] == revisions[-1]
    assert revisions[0] != revisions[1]


@pytest.mark.long
def test_a_killed_build_leaves_nothing_running_and_the_next_one_gives_the_same_image(
    built: Built, tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path, own_cache=True)
    assert checkout.cache
    running = checkout.start_build()
    log = checkout.root / ".build" / "images" / "plimsoll" / "build.log"

    def in_its_steps() -> bool:
        assert running.poll() is None, log.read_text()
        return log.exists() and "STEP 5" in log.read_text()

    wait_until(in_its_steps, _SECONDS, "the build is in its steps")
    running.send_signal(signal.SIGKILL)
    running.communicate()

    cache = str(checkout.cache)
    wait_until(lambda: not _processes_with(cache), 10, "no process of the build is left")
    assert cache not in Path("/proc/mounts").read_text()
    again, said = checkout.build()
    assert "the last build was interrupted" in said
    assert again.digest == built.digest


def test_a_step_that_fails_is_shown_with_the_end_of_its_log(checkout: Checkout) -> None:
    containerfile = checkout.root / "images" / "plimsoll" / "Containerfile"
    containerfile.write_text(containerfile.read_text().replace('"--no-deps"', '"--no-such-option"'))
    running = checkout.start_build()
    said, _ = running.communicate(timeout=_SECONDS)
    assert running.returncode == 1
    assert "buildah build failed. The end of its log" in said
    assert "unexpected argument '--no-such-option'" in said
    assert "Traceback" not in said


def _processes_with(word: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in command:
            found.append(command)
    return found


def test_our_own_wheel_is_built_without_any_network(tmp_path: Path) -> None:
    alone = ["unshare", "--net", "--", uv.find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", str(tmp_path)]
    subprocess.run(alone, cwd=ROOT, env={"PATH": os.environ["PATH"], "UV_NO_CACHE": "1"}, check=True)
    assert list(tmp_path.glob("plimsoll-*.whl"))
