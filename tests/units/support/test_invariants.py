"""An object whose owner is gone is named; one that is on its way out is not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.invariants import orphans

Object = dict[str, Any]


def _object(name: str, *owners: str, **metadata: object) -> Object:
    references = [{"kind": "ModelConfig", "name": owner, "uid": f"uid-of-{owner}"} for owner in owners]
    return {
        "kind": "Service",
        "metadata": {"name": name, "uid": f"uid-of-{name}", "ownerReferences": references, **metadata},
    }


@pytest.mark.parametrize(
    ("found", "named"),
    [
        ([_object("whale")], []),
        ([_object("whale", "sea")], ["Service whale of ModelConfig sea"]),
        ([_object("whale", "sea"), _object("sea")], []),
        ([_object("whale", "sea", "lake"), _object("lake")], []),
        ([_object("whale", "far-away")], []),
        ([_object("whale", "sea", deletionTimestamp="2026-11-21T00:00:00Z")], []),
    ],
)
def test_only_what_has_lost_every_owner_and_stays_is_an_orphan(found: list[Object], named: list[str]) -> None:
    assert list(orphans(found, lambda reference: reference["name"] == "far-away")) == named
