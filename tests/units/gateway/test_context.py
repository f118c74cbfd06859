"""What is refused because it is too long in any vocabulary, and what is left to the backend."""

from typing import Any

import orjson
import pytest

from plimsoll.cost.record import Operation
from plimsoll.gateway.call import Call
from plimsoll.gateway.context import LONGEST_TOKEN, check_context
from plimsoll.gateway.errors import ApiError
from plimsoll.gateway.reading import read
from plimsoll.gateway.request import SUBJECTS, request_of
from plimsoll.gateway.settings import Auth
from tests.support import virtual_time
from tests.support.front import Answered, Front
from tests.support.routing_documents import document, model

CONTEXT = 8
FITS = "x" * LONGEST_TOKEN * CONTEXT
TOO_LONG = FITS + "x"


def _check(operation: Operation, subject: Any, context: int | None = CONTEXT, **more: Any) -> None:
    body = orjson.dumps({"model": "m", SUBJECTS[operation]: subject, **more})
    check_context(request_of(operation, read(body)), context)


def _said(*contents: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": each} for each in contents]


@pytest.mark.parametrize(
    ("operation", "subject", "least"),
    [
        ("chat", _said(TOO_LONG), 9),
        ("chat", _said(FITS, "x"), 9),
        ("chat", _said([{"type": "text", "text": FITS}, {"type": "text", "text": "x"}]), 9),
        ("completion", TOO_LONG, 9),
        ("completion", ["short", TOO_LONG], 9),
        ("completion", list(range(9)), 9),
        ("embedding", [[1], list(range(20))], 20),
        ("embedding", "한" * (LONGEST_TOKEN * 3), 9),
    ],
)
def test_what_no_vocabulary_could_make_fit_is_refused_with_both_numbers(
    operation: Operation, subject: Any, least: int
) -> None:
    with pytest.raises(ApiError, match=f"at least {least} tokens, and the context of this model is 8") as caught:
        _check(operation, subject)
    assert (caught.value.status, caught.value.param) == (400, SUBJECTS[operation])


@pytest.mark.parametrize(
    ("operation", "subject"),
    [
        ("chat", _said(FITS)),
        ("chat", _said([{"type": "image_url", "image_url": {"url": "data:image/png;base64," + TOO_LONG}}])),
        ("chat", _said([*[{"type": "text", "text": "x"}] * 9, {"type": "image_url", "image_url": {"url": TOO_LONG}}])),
        ("chat", [{"role": "assistant", "content": None}, *_said("short")]),
        ("completion", FITS),
        ("completion", [FITS, FITS]),
        ("completion", list(range(8))),
        ("embedding", [[1] * 8, [2] * 8]),
    ],
)
def test_what_some_vocabulary_could_make_fit_is_the_backends_to_judge(operation: Operation, subject: Any) -> None:
    _check(operation, subject)


def test_bytes_beside_the_text_are_no_tokens() -> None:
    _check("completion", "short", metadata={"note": TOO_LONG})


def test_a_provider_whose_context_is_not_known_refuses_by_itself() -> None:
    _check("completion", TOO_LONG, context=None)


def test_it_is_refused_before_a_backend_hears_of_it() -> None:
    async def back(_call: Call) -> None:
        pytest.fail("it was called")

    async def main() -> Answered:
        front = Front(document(model("team-a/chat")), back, auth=Auth.NONE)
        return await front.ask("/v1/completions", body={"model": "chat", "prompt": list(range(5000))})

    answered = virtual_time.run(main())
    assert (answered.status, answered.code) == (400, "context_length_exceeded")
