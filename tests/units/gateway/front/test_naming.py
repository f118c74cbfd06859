"""Which model a request means, and what it is told when there is none."""

from __future__ import annotations

import pytest

from plimsoll.gateway.errors import ApiError
from plimsoll.gateway.naming import listed, model_named, served_by
from plimsoll.gateway.settings import Auth
from plimsoll.gateway.state import Routes, routes_of
from plimsoll.routing.document import Access, Document, Down, Key
from tests.support.routing_documents import document, key, model

EVERYONE = Access(everyone=True)


def _routes(auth: Auth = Auth.REQUIRED) -> Routes:
    return routes_of(_document(), auth)


def _document() -> Document:
    return document(
        model("team-a/chat"),
        model("team-a/embed"),
        model("team-b/chat", access=EVERYONE),
        model("team-b/code", access=EVERYONE),
        model("team-c/code", access=EVERYONE),
        model("team-c/secret"),
    )


def _refused(asked: str, caller: Key | None = None, auth: Auth = Auth.REQUIRED) -> ApiError:
    with pytest.raises(ApiError) as caught:
        model_named(_routes(auth), caller, asked)
    assert caught.value.param == "model"
    return caught.value


@pytest.mark.parametrize(
    ("asked", "found"),
    [("team-b/chat", "team-b/chat"), ("chat", "team-a/chat"), ("embed", "team-a/embed")],
)
def test_a_model_is_found_by_its_whole_name_and_by_a_short_one(asked: str, found: str) -> None:
    assert model_named(_routes(), key("team-a/app"), asked).full_name == found


@pytest.mark.parametrize("asked", ["nothing", "team-c/secret", "secret", ""])
def test_what_is_not_open_to_a_key_is_told_as_what_is_not_there(asked: str) -> None:
    error = _refused(asked, key("team-a/app"))
    assert (error.status, error.code) == (404, "model_not_found")


def test_a_key_that_may_not_call_a_model_of_its_own_house_is_told_so() -> None:
    error = _refused("embed", key("team-a/app", models=("*/chat",)))
    assert (error.status, error.code) == (403, "model_forbidden")
    assert "team-a/embed" in error.message


def test_a_short_name_of_several_models_is_answered_with_all_of_them() -> None:
    error = _refused("code", key("team-a/app"))
    assert (error.status, error.code) == (400, "ambiguous_model")
    assert "team-b/code, team-c/code" in error.message


def test_where_no_keys_are_asked_for_everything_is_open() -> None:
    routes = _routes(Auth.NONE)
    assert model_named(routes, None, "team-c/secret").full_name == "team-c/secret"
    assert model_named(routes, None, "secret").full_name == "team-c/secret"
    assert _refused("chat", auth=Auth.NONE).code == "ambiguous_model"


def test_a_model_that_is_not_up_is_told_with_the_words_of_its_condition() -> None:
    down = model("team-a/chat", Down(reason="ImagePullFailed", message="the image cannot be pulled."))
    with pytest.raises(ApiError) as caught:
        served_by(down)
    error = caught.value
    assert (error.status, error.code, error.retry_after) == (503, "model_not_ready", 5)
    assert "team-a/chat takes no calls now: the image cannot be pulled (ImagePullFailed)" in error.message


def test_the_list_has_what_the_key_may_call_as_clients_of_openai_read_it() -> None:
    told = listed(_routes(), key("team-a/app", models=("*/c*",)))
    assert [card["id"] for card in told["data"]] == ["team-a/chat", "team-b/chat", "team-b/code", "team-c/code"]
    assert told["data"][0] == {"id": "team-a/chat", "object": "model", "created": 0, "owned_by": "team-a"}
