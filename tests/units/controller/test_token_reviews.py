"""The API server says who a token is, and is not asked again and again."""

from __future__ import annotations

import asyncio

import pytest

from plimsoll.cluster.errors import ClusterError
from plimsoll.cluster.kinds import Object
from plimsoll.controller.token_reviews import TokenReviews, Verdict
from tests.support.home import HOME, Home
from tests.support.virtual_time import run


def test_an_answer_counts_for_seconds_only() -> None:
    async def main() -> None:
        home = Home()
        reviews = TokenReviews(home, HOME)
        home.admit("good")
        for _ in range(3):
            assert await reviews.judge("good") == Verdict(200, "gateway-1")
        assert len(home.questions) == 1
        home.tokens.clear()
        await asyncio.sleep(4)
        assert (await reviews.judge("good")).status == 200
        await asyncio.sleep(1)
        assert (await reviews.judge("good")).status == 401

    run(main())


def test_what_was_not_answered_is_asked_again() -> None:
    async def main() -> None:
        home = Home()
        reviews = TokenReviews(home, HOME)
        home.admit("good")
        home.away = True
        with pytest.raises(ClusterError):
            await reviews.judge("good")
        home.away = False
        assert (await reviews.judge("good")).status == 200

    run(main())


def test_one_token_is_never_taken_for_another() -> None:
    async def main() -> None:
        home = Home()
        reviews = TokenReviews(home, HOME)
        home.admit("one", pod="gateway-1")
        home.admit("other", pod="gateway-2")
        for _ in range(2):
            assert (await reviews.judge("one")).words == "gateway-1"
            assert (await reviews.judge("other")).words == "gateway-2"
            assert (await reviews.judge("none")).status == 401

    run(main())


def test_however_many_tokens_are_tried_only_so_many_are_kept() -> None:
    async def main() -> None:
        reviews = TokenReviews(Home(), HOME)
        for number in range(1100):
            assert (await reviews.judge(f"token-{number}")).status == 401
        assert len(reviews._kept) == 1000
        assert b"token-1" not in reviews._kept

    run(main())


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"authenticated": True, "user": {"username": "system:serviceaccount:plimsoll-system:plimsoll-gateway"}},
        {"authenticated": True, "audiences": ["other"], "user": {}},
        {"error": "no", "audiences": ["plimsoll-routing"]},
    ],
)
def test_a_server_that_does_not_look_at_the_audience_opens_nothing(status: Object) -> None:
    class Careless(Home):
        async def review(self, question: Object) -> Object:
            return {**question, "status": status}

    assert run(TokenReviews(Careless(), HOME).judge("good")).status == 401


def test_a_gateway_without_a_pod_is_one_too() -> None:
    home = Home()
    home.admit("good")
    del home.tokens["good"]["user"]["extra"]
    assert run(TokenReviews(home, HOME).judge("good")) == Verdict(200, "without a pod")
