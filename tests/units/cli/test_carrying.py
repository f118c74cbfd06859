"""`plimsoll export` and `plimsoll import`."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.cli.documents import documents_of
from plimsoll.cli.output import as_json, as_yaml
from plimsoll.cli.reaching import FIELD_MANAGER
from tests.support.command import Command
from tests.support.fake_cluster import FakeCluster
from tests.support.model_configs import Object, base, model_config, with_value

# What YAML, in one dialect or another, would take for something else than text.
TRICKY = [
    *[
        "1e3",
        "1E-2",
        "08",
        "017",
        "0o17",
        "0x1F",
        "0b11",
        "1_000",
        "1:30",
        ".5",
        "1.",
        "+1",
        "-0",
        "1e400",
        ".inf",
        ".nan",
        "-",
        "~",
        "null",
        "yes",
        "No",
        "on",
        "true",
        "=",
        "<<",
    ],
    *["2026-01-01", "2026-01-01T00:00:00Z", "'", '"', "*a", "&a", "!a", "%a", "@a", "`a", "{a}", "[a]", "🚢", "한국어"],
    *("", " a", "a ", "- a", "a: b", "# a", "\t", "a\nb", "a\n", "\n", "a\r\nb", "a" * 300 + " " + "b" * 300),
    *("x\x85y", "x\u2028y", "\ufeffx", "\u202eabc", "\x1b[2J"),
]


def chat(**metadata: Any) -> Object:
    config = model_config(base("hosted"))
    config["metadata"] |= metadata
    return config


@pytest.mark.parametrize("text", TRICKY)
@pytest.mark.parametrize("ending", ["yaml", "json"])
def test_no_text_becomes_something_else_on_its_way_through_a_file(tmp_path: Path, text: str, ending: str) -> None:
    file = tmp_path / f"it.{ending}"
    wanted = {"kind": "x", text or "k": text, "list": [text]}
    file.write_text(as_yaml(wanted) if ending == "yaml" else as_json(wanted), encoding="utf-8", newline="")
    assert documents_of(str(file))[0].object == wanted


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63))
def test_no_number_becomes_another_in_yaml(number: float) -> None:
    from plimsoll.cli.yaml_dialect import dump_all, load_all

    (found,) = load_all(dump_all([{"a": number}], readable=True))
    assert found == {"a": number}
    assert type(found["a"]) is type(number)


def test_what_the_cluster_noted_is_left_out_and_what_somebody_wrote_is_not(
    plimsoll: Command, cluster: FakeCluster
) -> None:
    notes = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "plimsoll.dev/author": "jane"}
    cluster({**chat(labels={"team": "a"}, annotations=notes, managedFields=[{}]), "status": {"replicas": 1}})
    assert plimsoll("export", "chat").data == {
        "apiVersion": "plimsoll.dev/v1alpha1",
        "kind": "ModelConfig",
        "metadata": {
            "name": "chat",
            "namespace": "default",
            "labels": {"team": "a"},
            "annotations": {"plimsoll.dev/author": "jane"},
        },
        "spec": base("hosted"),
    }


@pytest.mark.parametrize("output", ["yaml", "json"])
def test_what_was_exported_and_deleted_is_back_after_the_import(
    plimsoll: Command, cluster: FakeCluster, tmp_path: Path, output: str
) -> None:
    cluster(chat(), chat(name="other", labels={"on": "1e3"}), chat(namespace="team-a"))
    before = plimsoll("export", "-A", "-o", "json").data
    file = tmp_path / f"models.{output}"
    assert plimsoll("export", "-A", "-o", output, "--to", file).errors == f"wrote 3 ModelConfigs to {file}\n"
    cluster.objects.clear()
    assert plimsoll("import", file).output == "3 created, 0 overwritten, 0 unchanged\n"
    assert plimsoll("export", "-A", "-o", "json").data == before
    assert set(cluster.written_by) == {("create", FIELD_MANAGER)}


def test_the_file_is_for_its_owner_alone(plimsoll: Command, cluster: FakeCluster, tmp_path: Path) -> None:
    cluster(chat())
    file = tmp_path / "models.yaml"
    plimsoll("export", "--to", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["models.yaml"]


def test_a_file_that_is_there_is_overwritten_with_force_only_and_is_closed_to_others(
    plimsoll: Command, cluster: FakeCluster, tmp_path: Path
) -> None:
    cluster(chat())
    file = tmp_path / "models.yaml"
    file.write_text("mine")
    file.chmod(0o644)
    assert plimsoll("export", "--to", file).code == 2
    assert file.read_text() == "mine"
    assert plimsoll("export", "--to", file, "--force").code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_that_is_not_there_is_told_in_words(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster(chat())
    answered = plimsoll("export", "--to", "/nowhere/models.yaml")
    assert answered.code == 2
    assert "cannot be written: no such file or directory" in answered.errors


def test_one_invalid_object_keeps_all_of_them_out(plimsoll: Command, cluster: FakeCluster) -> None:
    bad = model_config({**base("hosted"), "contxt": 1}, name="bad")
    text = json.dumps({"kind": "List", "items": [chat(), bad]})
    answered = plimsoll("import", "-", given=text)
    assert answered.code == 1
    assert "bad is refused: spec.contxt" in answered.errors
    assert cluster.objects == {}


def test_an_object_that_says_something_else_is_overwritten_with_force_only(
    plimsoll: Command, cluster: FakeCluster
) -> None:
    cluster(chat(finalizers=["theirs"], labels={"old": "1"}))
    changed = model_config(with_value(base("hosted"), "context", 8192))
    text = json.dumps({"kind": "List", "items": [changed, chat(name="new")]})
    refused = plimsoll("import", "-", given=text)
    assert refused.code == 1
    assert "default/chat" in refused.errors
    assert list(cluster.objects) == [(next(iter(cluster.objects))[0], "default", "chat")]
    assert plimsoll("import", "-", "--force", given=text).output == "1 created, 1 overwritten, 0 unchanged\n"
    stored = cluster.config()
    assert stored["spec"]["context"] == 8192
    assert stored["metadata"]["finalizers"] == ["theirs"]
    assert stored["metadata"]["labels"] == {}


def test_importing_twice_writes_nothing_the_second_time(plimsoll: Command, cluster: FakeCluster) -> None:
    plimsoll("import", "-", given=json.dumps(chat()))
    writes = len(cluster.written_by)
    assert plimsoll("import", "-", given=json.dumps(chat())).output == "0 created, 0 overwritten, 1 unchanged\n"
    assert len(cluster.written_by) == writes


def test_with_a_namespace_everything_goes_there(plimsoll: Command, cluster: FakeCluster) -> None:
    plimsoll("import", "-", "-n", "team-b", given=json.dumps(chat(namespace="team-a")))
    assert cluster.config(namespace="team-b")["spec"] == base("hosted")


def test_two_that_would_become_one_object_are_refused(plimsoll: Command, cluster: FakeCluster) -> None:
    text = json.dumps({"kind": "List", "items": [chat(namespace="a"), chat(namespace="b")]})
    answered = plimsoll("import", "-", "-n", "team-b", given=text)
    assert answered.code == 2
    assert "team-b/chat stands twice" in answered.errors
