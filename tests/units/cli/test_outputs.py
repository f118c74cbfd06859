"""What -o json and -o yaml print keeps to the schemas that are published."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from plimsoll.cli.output import as_json, as_yaml, printable
from tests.support.command import Command
from tests.support.fake_cluster import FakeCluster
from tests.support.gguf_maker import Shape, model, write_sparse
from tests.support.model_configs import SAMPLES, base, merged
from tests.support.model_keys import OTHER_HASH, SOON, model_key
from tests.support.simulated import Simulated
from tools.generate.commands import FOLDER, OUTPUTS, schema_name

ROOT = Path(__file__).parents[3]
BROKEN = "x.example.com/engine:broken"


def schema(verb: str) -> Any:
    return json.loads((ROOT / FOLDER / schema_name(verb)).read_text())


def verb_of(run: str) -> str:
    return next(verb for verb in OUTPUTS if run.startswith(verb))


@pytest.fixture(scope="module")
def made() -> Simulated:
    """One revision serves, and the one after it cannot."""
    world = Simulated(base("hosted"))
    world.settle(10)
    world.edit(merged(base("hosted"), {"engine": {"image": BROKEN}}))
    world.settle(10)
    return world


@pytest.fixture
def header(tmp_path: Path) -> Path:
    write_sparse(tmp_path / "small.gguf", model(Shape(2, 64, 128, 4, 2, vocabulary=100, context=512)))
    return tmp_path / "small.gguf"


RUNS: dict[str, Callable[[Path], tuple[object, ...]]] = {
    "check": lambda header: ("check", SAMPLES, "--size", "--header", header),
    "check refused": lambda header: ("check", "-"),
    "size": lambda header: ("size", header),
    "size refused": lambda header: ("size", header, "--memory", "16Mi"),
    "size of an object": lambda header: ("size", "chat"),
    "get": lambda header: ("get", "-A"),
    "status": lambda header: ("status", "chat"),
    "history": lambda header: ("history", "chat"),
    "diff": lambda header: ("diff", "chat@1", "chat@2"),
    "diff of files": lambda header: (
        "diff",
        SAMPLES / "environments/development.yaml",
        SAMPLES / "environments/staging.yaml",
    ),
    "wait": lambda header: ("wait", "chat", "--for", "available"),
    "wait in vain": lambda header: ("wait", "chat"),
    "key list": lambda header: ("key", "list", "-A"),
}


@pytest.mark.parametrize("run", RUNS)
def test_json_and_yaml_say_the_same_and_keep_to_the_schema(
    plimsoll: Command, cluster: FakeCluster, made: Simulated, header: Path, run: str
) -> None:
    cluster.show(made)
    cluster(model_key({"models": ["chat"], "previous": {"hash": OTHER_HASH, "validUntil": SOON}}))
    arguments = RUNS[run](header)
    given = '{"kind": "ModelConfig", "spec": {"contxt": 1}}'
    as_text = plimsoll(*arguments, "-o", "json", given=given).output
    answer = json.loads(as_text)
    jsonschema.validate(answer, schema(verb_of(run)), format_checker=jsonschema.FormatChecker())
    if not run.startswith("wait"):
        assert plimsoll(*arguments, "-o", "yaml", given=given).data == answer


@pytest.mark.parametrize("verb", OUTPUTS)
def test_every_schema_is_one_and_describes_each_field(verb: str) -> None:
    document = schema(verb)
    jsonschema.Draft202012Validator.check_schema(document)
    # One that holds itself is only a reference at its root.
    parts = [part for part in (document, *document.get("$defs", {}).values()) if "$ref" not in part]
    for part in parts:
        assert part["additionalProperties"] is False
        for name, field in part["properties"].items():
            assert len(field.get("description", "")) >= 12, name


def test_a_schema_refuses_what_is_not_in_it() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"items": [], "more": 1}, schema("get"))


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b", "\x7f", "\u202e", "\u2066", "\u2028", "\x85", "\ufeff", "\u200b"])
def test_no_form_of_output_lets_a_terminal_obey(text: str) -> None:
    for shown in (printable(text), as_json({"a": text}), as_yaml({"a": text, "b": "한"})):
        assert all(char.isprintable() or char == "\n" for char in shown)
    assert json.loads(as_json({"a": text})) == {"a": text}


def test_letters_of_every_language_stay_letters() -> None:
    for shown in (printable("한국어 ü"), as_json("한국어 ü"), as_yaml(["한국어 ü"])):
        assert "한국어 ü" in shown


def test_what_occurs_twice_is_written_twice() -> None:
    same = {"key": ["value"]}
    assert as_yaml({"a": same, "b": same}) == "a:\n  key:\n  - value\nb:\n  key:\n  - value\n"
