"""Each secret of a call through the gateway is found where it must not be."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from plimsoll.api.plain_key import LENGTH
from tests.support.canaries import Canaries, Leaks
from tests.support.gateway_secrets import planted
from tests.support.traffic.heard import Heard

SECRETS = ("key", "stranger", "provider", "system_prompt", "prompt", "answer", "header", "query", "field")


def test_every_secret_is_another_one_and_planted() -> None:
    made = planted(Canaries())
    assert {field.name for field in dataclasses.fields(made)} == {*SECRETS, "canaries"}
    assert len({getattr(made, name) for name in SECRETS}) == len(SECRETS)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_a_log_fails_the_test(name: str, tmp_path: Path) -> None:
    canaries = Canaries()
    made = planted(canaries)
    (tmp_path / "access.log").write_text(f"POST /v1/chat/completions {getattr(made, name)} 200")
    with pytest.raises(Leaks, match=r"access\.log"):
        canaries.check(tmp_path, [], None, "")


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_an_error_fails_the_test(name: str, tmp_path: Path) -> None:
    canaries = Canaries()
    made = planted(canaries)
    made.heard("the answer to a caller", Heard(error={"message": f"cannot read {getattr(made, name)}"}))
    with pytest.raises(Leaks, match="the answer to a caller"):
        canaries.check(tmp_path, [], None, "")


def test_an_answer_may_say_what_the_model_said_and_nothing_else(tmp_path: Path) -> None:
    canaries = Canaries()
    made = planted(canaries)
    made.heard("an answer", Heard(pieces={0: [f"said: {made.answer}"]}))
    made.heard("metrics", "plimsoll_requests_total 1")
    canaries.check(tmp_path, [], None, "")
    made.heard("an answer", Heard(pieces={0: ["said: ", made.system_prompt]}))
    with pytest.raises(Leaks, match="an answer"):
        canaries.check(tmp_path, [], None, "")


def test_the_key_is_one_that_the_product_would_make_and_its_hash_is_no_secret() -> None:
    canaries = Canaries()
    made = planted(canaries)
    assert (len(made.key), made.key[:4]) == (LENGTH, "plm_")
    assert canaries.search([("a ModelKey", made.key_hash)]) == []


def test_what_a_call_carries_carries_them_all() -> None:
    made = planted(Canaries())
    carried = f"{made.headers} {made.path_end} {made.fields}"
    assert all(getattr(made, name) in carried for name in ("header", "query", "field"))
