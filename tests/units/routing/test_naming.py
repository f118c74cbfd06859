"""A name means one model, or the caller is told what it could mean; what a namespace may not know of stays unknown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.routing.document import Access, Key, Model
from plimsoll.routing.naming import Ambiguous, Directory, Forbidden, Unknown, may_call
from tests.support.routing_documents import key, model

EVERYONE = Access(everyone=True)
OWN = model("team-a/chat")
SHARED = model("team-b/chat", access=Access(namespaces=("team-a", "team-b")))
PUBLIC = model("team-c/chat", access=EVERYONE)
PUBLIC_EMBED = model("team-c/embed", access=EVERYONE)
PRIVATE = model("team-d/secret")


def directory(*models: Model) -> Directory:
    return Directory({each.full_name: each for each in models})


ALL = directory(OWN, SHARED, PUBLIC, PUBLIC_EMBED, PRIVATE)


@pytest.mark.parametrize("wanted", [OWN, SHARED, PUBLIC, PUBLIC_EMBED], ids=lambda each: each.full_name)
def test_a_full_name_means_the_model_of_that_namespace(wanted: Model) -> None:
    assert ALL.find(key("team-a/app"), wanted.full_name) == wanted


def test_a_short_name_means_the_model_of_the_keys_own_namespace_first() -> None:
    assert ALL.find(key("team-a/app"), "chat") == OWN


def test_a_short_name_that_only_one_open_model_has_means_that_one() -> None:
    assert ALL.find(key("team-z/app"), "embed") == PUBLIC_EMBED


def test_a_short_name_of_several_open_models_is_answered_with_all_of_them() -> None:
    assert directory(SHARED, PUBLIC).find(key("team-a/app"), "chat") == Ambiguous(("team-b/chat", "team-c/chat"))


def test_candidates_are_only_models_that_the_key_may_call() -> None:
    narrow = key("team-a/app", models=("team-c/*",))
    assert directory(SHARED, PUBLIC).find(narrow, "chat") == PUBLIC


@pytest.mark.parametrize(
    "asked", ["nothing", "team-a/nothing", "team-z/chat", "", "/", "a/b/c", "team-d/secret", "secret", "TEAM-A/CHAT"]
)
def test_what_is_not_there_and_what_is_closed_to_the_namespace_look_the_same(asked: str) -> None:
    assert ALL.find(key("team-a/app"), asked) == Unknown()


def test_a_model_that_is_open_to_the_namespace_and_not_to_the_key_is_forbidden() -> None:
    narrow = key("team-a/app", models=("team-a/chat",))
    assert ALL.find(narrow, "team-b/chat") == Forbidden(SHARED)
    assert ALL.find(narrow, "embed") == Forbidden(PUBLIC_EMBED)


def test_nobody_gets_the_model_of_another_team_in_place_of_their_own() -> None:
    narrow = key("team-a/app", models=("team-c/*",))
    assert ALL.find(narrow, "chat") == Forbidden(OWN)


PATTERNS: list[tuple[str, str, bool]] = [
    ("*/*", "team-b/chat", True),
    ("team-b/chat", "team-b/chat", True),
    ("team-b/chat", "team-b/chat-2", False),
    ("team-b/*", "team-b/chat", True),
    ("team-b/*", "team-bb/chat", False),
    ("team-b/chat-*", "team-b/chat-2", True),
    ("team-b/chat-*", "team-b/chat", False),
    ("team-b/*-small", "team-b/chat-small", True),
    ("team-b/c*t", "team-b/chat", True),
    ("*/chat", "team-b/chat", True),
    ("*/chat", "team-b/embed", False),
    ("team-*/chat", "team-b/chat", True),
    ("*", "team-b/chat", False),
    ("", "team-b/chat", False),
    ("team.b/chat", "team-b/chat", False),
]


@pytest.mark.parametrize(("pattern", "name", "fits"), PATTERNS, ids=[f"{one} {other}" for one, other, _ in PATTERNS])
def test_a_pattern_fits_whole_names_and_a_star_does_not_cross_the_slash(pattern: str, name: str, fits: bool) -> None:
    assert may_call(key("team-b/app", models=(pattern,)), model(name, access=EVERYONE)) is fits


def test_one_pattern_of_several_is_enough() -> None:
    assert may_call(key("team-a/app", models=("team-x/*", "team-a/ch*")), OWN)


def test_a_key_without_any_model_may_call_none() -> None:
    assert not may_call(key("team-a/app", models=()), OWN)


def test_the_models_of_a_key_are_those_that_it_may_call_in_order() -> None:
    listed = [each.full_name for each in ALL.open_to(key("team-a/app"))]
    assert listed == ["team-a/chat", "team-b/chat", "team-c/chat", "team-c/embed"]
    assert list(ALL.open_to(key("team-d/app", models=("team-d/*",)))) == [PRIVATE]


_NAMES = st.sampled_from(["a", "b", "c"])
_MODELS = st.dictionaries(st.tuples(_NAMES, _NAMES), st.lists(_NAMES, max_size=2).map(tuple), max_size=6)
_KEYS = st.builds(lambda name, models: key(f"{name}/app", models=models), _NAMES, st.lists(
    st.sampled_from(["*/*", "a/*", "*/b", "c/c"]), max_size=2).map(tuple))  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(_MODELS, _KEYS, _NAMES)
def test_whatever_is_found_is_open_to_the_namespace_and_the_key(
    made: dict[tuple[str, str], tuple[str, ...]], caller: Key, asked: str
) -> None:
    models = directory(
        *(model(f"{space}/{name}", access=Access(namespaces=open_to)) for (space, name), open_to in made.items())
    )
    found = models.find(caller, asked)
    listed = [each.full_name for each in models.open_to(caller)]
    if isinstance(found, Model):
        assert found.full_name in listed
        assert caller.namespace in found.access.namespaces
    elif isinstance(found, Ambiguous):
        assert len(found.candidates) > 1
        assert set(found.candidates) <= set(listed)
    else:
        assert not isinstance(found, Forbidden) or caller.namespace in found.model.access.namespaces
