"""Each sample against the objects that reviewers have seen and agreed to; `make golden` writes them anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.golden import folder_of, golden
from tests.support.model_configs import samples
from tests.support.rendering import GOLDEN


@pytest.mark.parametrize("sample", samples(), ids=lambda path: path.stem)
def test_a_sample_becomes_exactly_the_objects_of_its_folder(sample: Path) -> None:
    folder = folder_of(sample)
    known = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    made = golden(sample)
    assert set(made) == set(known)
    for name, text in made.items():
        assert text == known[name], (
            f"{folder / name} differs: look at the difference, and run `make golden` if it is meant"
        )


def test_every_folder_belongs_to_a_sample() -> None:
    folders = {path.parent for path in GOLDEN.rglob("revision.yaml")}
    assert folders == {folder_of(sample) for sample in samples()}
