"""Objects in files, also in files that nobody should have written."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.cli import documents
from plimsoll.cli.documents import Damaged, documents_of, files_in, read_documents
from plimsoll.cli.exits import Unusable


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "it.yaml"


def test_one_file_may_hold_many_and_empty_ones_are_none(file: Path) -> None:
    file.write_text("---\nkind: A\n---\n---\n# nothing\n---\nkind: B\n")
    found = documents_of(str(file))
    assert [each.object["kind"] for each in found] == ["A", "B"]
    assert found[1].place.startswith(f"{file}, document ")


def test_a_list_is_its_items(file: Path) -> None:
    file.write_text("kind: ModelConfigList\nitems: [{kind: A}, {kind: List, items: [{kind: B}]}]\n")
    assert [each.object["kind"] for each in documents_of(str(file))] == ["A", "B"]


def test_a_folder_is_read_to_its_depth_and_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/z.json", "a.yml", "notes.txt"):
        (tmp_path / name).write_text('{"kind": "A"}')
    assert files_in(str(tmp_path)) == [str(tmp_path / "a.yml"), str(tmp_path / "b/z.json")]


def test_a_folder_without_any_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="has no YAML or JSON file"):
        read_documents(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "'a' stands twice, again in line 3"),
        ("a: &x [*x]\n", "grows without bounds"),
        ("a: !!python/object/apply:os.system [true]\n", "could not determine a constructor"),
        ("a: [\n", "is not YAML"),
        ("- a\n", "is no object"),
        ("a: \x00\n", "is not YAML"),
        ("[" * 5000, "is not YAML"),
    ],
    ids=["doubled key", "endless", "code", "cut off", "a list", "control character", "deep"],
)
def test_a_damaged_yaml_is_told_in_words(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(Damaged) as raised:
        documents_of(str(file))
    assert words in raised.value.message


def test_aliases_that_multiply_are_refused_before_they_fill_the_memory(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MOST_NODES", 10_000)
    lines = ["a0: &a0 [x]"] + [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 30)]
    file.write_text("\n".join(lines))
    with pytest.raises(Damaged, match="grows without bounds"):
        documents_of(str(file))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ('{"a": NaN}', "NaN is not a number"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
    ],
    ids=["doubled key", "no number", "cut off", "deep"],
)
def test_a_damaged_json_is_told_in_words(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "it.json"
    file.write_text(text)
    with pytest.raises(Damaged) as raised:
        documents_of(str(file))
    assert words in raised.value.message


def test_a_file_that_is_no_text_says_where(file: Path) -> None:
    file.write_bytes(b"kind: \xff\xfe")
    with pytest.raises(Damaged, match="byte 6"):
        documents_of(str(file))


def test_a_mark_at_the_beginning_is_no_part_of_the_text(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfkind: A\n")
    assert documents_of(str(file))[0].object == {"kind": "A"}


def test_a_file_that_is_too_large_is_not_read_whole(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "LARGEST_FILE", 10)
    file.write_text("kind: ModelConfig\n")
    with pytest.raises(Unusable, match="is larger than"):
        documents_of(str(file))


def test_a_wrong_version_is_still_one_to_complain_about(file: Path) -> None:
    file.write_text(
        "kind: ModelConfig\napiVersion: v9\n---\nkind: Other\napiVersion: plimsoll.dev/v1\n---\nkind: Pod\n"
    )
    assert [each.is_model_config for each in documents_of(str(file))] == [True, True, False]
