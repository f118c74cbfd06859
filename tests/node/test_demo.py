"""The demo as a newcomer has it: the same script, in an instance of its own, up to a closing table that adds up."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from models.spoil import spoil
from tests.support import engine_image
from tests.support.waiting import wait_until
from tools.cluster import open_cluster
from tools.cluster.instance import find, identity_of, locked, state_root
from tools.cluster.process import ProcessTable
from tools.demo import steps
from tools.demo.commands import Commands
from tools.demo.errors import DemoFailed
from tools.demo.steps import Demo
from tools.demo.terminal import Terminal
from tools.images import packing

pytestmark = engine_image.needs_a_builder
ROOT = Path(__file__).parents[2]
NAME = "demo-test"
KEPT = ROOT / ".build" / "demo" / NAME
_SECONDS = 900.0


def run(verb: str) -> tuple[int, str]:
    """As `make` runs it, with what it printed."""
    command = [sys.executable, "-m", "tools.demo", verb, f"--cluster={NAME}"]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=_SECONDS
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def printed() -> Iterator[str]:
    """What one whole run printed; its instance is there until the last test here."""
    with locked(state_root() / f"{identity_of(NAME)}.tests"):
        open_cluster(NAME).down()
        shutil.rmtree(KEPT, ignore_errors=True)
        try:
            code, said = run("up")
            assert code == 0, said
            yield said
        finally:
            open_cluster(NAME).down()
            shutil.rmtree(KEPT, ignore_errors=True)


@pytest.fixture
def demo(printed: str, tmp_path: Path) -> Iterator[Demo]:
    """In the instance of that run, as far as a key and a way in; any step can be taken from here."""
    environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    commands = Commands(ROOT, Terminal(), environment)
    made = Demo(commands, NAME, ROOT / "manifests" / "samples" / "quickstart")
    try:
        kubectl = (KEPT / "bin" / "kubectl").resolve()
        steps.put_on_the_path(made, kubectl)
        commands.export("KUBECONFIG", str(open_cluster(NAME).kubeconfig))
        yield made
    finally:
        commands.end()


def told(said: str, name: str) -> list[str]:
    return re.findall(rf"^  {name}: (.*)$", said, re.MULTILINE)


def test_it_ends_with_answers_that_are_right_and_counts_that_agree(printed: str) -> None:
    assert [title for title, _ in steps.STEPS] == re.findall(r"^\d/9 (.*)$", printed, re.MULTILINE)
    assert "A ModelConfig is the Kubernetes object" in told(printed, "answer")[0]
    assert "리비전은" in told(printed, "answer")[2]
    counts = re.findall(r"^  (printed|metrics|records) +(\d+ answers, .*)$", printed, re.MULTILINE)
    assert [name for name, _ in counts] == ["printed", "metrics", "records"]
    assert len({words for _, words in counts}) == 1
    assert int(counts[0][1].split()[0]) == len(told(printed, "answer"))


def test_what_went_wrong_on_purpose_was_told_in_words(printed: str) -> None:
    assert "localhost/plimsoll/engine:that-nobody-has" in printed
    assert [each.split()[0] for each in told(printed, "refused")] == ["429", "401"]
    assert "requests in 60 s; try again in" in told(printed, "refused")[0]


def test_a_key_that_it_made_is_printed_nowhere(printed: str) -> None:
    keys = re.findall(r"plm_[A-Za-z0-9_-]{40,}", printed)
    assert {key for key in keys if not key.startswith("plm_wrong0")} == set()


def test_a_wrong_key_ends_it_and_says_why(demo: Demo) -> None:
    steps.find_a_way_in(demo)
    demo.commands.environment["OPENAI_API_KEY"] = f"plm_wrong0{'0' * 43}"
    with pytest.raises(DemoFailed, match="ended with 1: refused: 401 invalid_api_key: this key is not known here"):
        steps.ask(demo)


@pytest.mark.long
def test_a_spoiled_model_ends_it_with_the_answer_that_was_expected(demo: Demo, tmp_path: Path) -> None:
    demo.quickstart = _spoiled(tmp_path)
    steps.serve(demo)
    steps.find_a_way_in(demo)
    with pytest.raises(DemoFailed, match="wrong: the answer is 'A ModelConfig is the Kubernetes object"):
        steps.ask(demo)


def _spoiled(folder: Path) -> Path:
    """A quickstart whose weights are spoiled, with the image of them on the node."""
    spoil(ROOT / "models" / "plimsoll-small.gguf", folder / "spoiled.gguf")
    packed = packing.pack({"model.gguf": (folder / "spoiled.gguf").read_bytes()}, {}, "localhost/plimsoll/spoiled")
    archive = folder / "image.tar"
    archive.write_bytes(packed.archive)
    open_cluster(NAME).load([archive])
    made = folder / "quickstart"
    shutil.copytree(ROOT / "manifests" / "samples" / "quickstart", made)
    model = yaml.safe_load((made / "model.yaml").read_text())
    model["spec"]["source"]["oci"]["image"] = f"localhost/plimsoll/spoiled@{packed.digest}"
    (made / "model.yaml").write_text(yaml.safe_dump(model))
    return made


@pytest.mark.long
def test_a_dead_gateway_ends_it_and_says_why(demo: Demo) -> None:
    scale = ("kubectl", "scale", "deployment", "plimsoll-gateway", "--namespace", steps.HOME)
    demo.commands.run(*scale, "--replicas", "0")
    pods = ("kubectl", "get", "pods", "--namespace", steps.HOME, "--selector", steps.GATEWAYS, "--output", "name")
    wait_until(lambda: not demo.commands.answer(*pods).strip(), 180, "the gateways are gone")
    with pytest.raises(DemoFailed, match=r"There is no way to a gateway: .*no gateway in namespace plimsoll-system"):
        steps.find_a_way_in(demo)


def test_taken_away_it_leaves_nothing(printed: str) -> None:
    here = find(NAME)
    assert here is not None
    processes = ProcessTable(here.records, here.logs).all()
    assert any(each.alive() for each in processes)
    code, said = run("down")
    assert code == 0, said
    assert find(NAME) is None
    assert not KEPT.exists()
    assert not here.folder.exists()
    # Whoever has ended may still stand in the kernel's list for the moment until its parent has asked.
    assert [each for each in processes if each.alive()] == []
    assert str(here.folder) not in Path("/proc/self/mountinfo").read_text()
    links = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
    assert here.bridge not in {line.split()[0].partition("@")[0] for line in links.splitlines()}
    assert run("down")[0] == 0
