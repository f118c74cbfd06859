"""/v1/completions over an engine whose words are played."""

from dataclasses import replace
from typing import Any

import pytest

from plimsoll.runtime.requests import Delta, Finish, Job, Sampling, TokenChoice, Usage
from plimsoll.runtime.settings import Mode
from plimsoll.runtime.waiting import Busy, Draining
from tests.support.played_engine import CONTEXT, House, Reply, saying

PATH = "/v1/completions"


def ask(house: House, **fields: Any) -> Reply:
    return house.ask(PATH, {"prompt": "Hi", **fields})


def job_of(**fields: Any) -> Job:
    house = House()
    assert ask(house, **fields).status == 200
    return house.engine.jobs[0]


def test_an_answer_has_text_finish_and_usage() -> None:
    assert ask(House()).json == {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 7,
        "model": "boat",
        "choices": [{"index": 0, "text": "Hello", "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 2,
            "total_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 2},
        },
    }


def test_a_stream_has_the_same_text_and_the_same_usage() -> None:
    whole = ask(House()).json
    events = ask(House(), stream=True, stream_options={"include_usage": True}).events
    assert "".join(event["choices"][0]["text"] for event in events[:-1]) == whole["choices"][0]["text"]
    assert [event["choices"][0]["finish_reason"] for event in events[:-1]] == [None, None, "stop"]
    assert (events[-1]["choices"], events[-1]["usage"]) == ([], whole["usage"])
    assert {event["usage"] is None for event in events[:-1]} == {True}


RUNNING = {"include_usage": True, "continuous_usage_stats": True}


def test_a_stream_tells_beside_every_event_what_was_used_so_far() -> None:
    house = House(saying("He", "", "llo"))
    *events, last = ask(house, stream=True, stream_options=RUNNING).events
    assert [event["usage"]["completion_tokens"] for event in events] == [1, 2, 3, 3]
    assert [event["choices"][0]["text"] for event in events] == ["He", "", "llo", ""]
    read = {(event["usage"]["prompt_tokens"], event["usage"]["total_tokens"]) for event in events}
    assert read == {(3, 4), (3, 5), (3, 6)}
    assert {event["usage"]["prompt_tokens_details"]["cached_tokens"] for event in events} == {2}
    assert (last["choices"], last["usage"]) == ([], events[-1]["usage"])


def test_each_of_several_answers_tells_its_own() -> None:
    house = House(saying("Ahoy"), seats=4)
    *events, last = ask(house, prompt=["a", "bc"], n=2, stream=True, stream_options=RUNNING).events
    told = {event["choices"][0]["index"]: event["usage"] for event in events}
    assert [told[index]["prompt_tokens"] for index in range(4)] == [2, 2, 3, 3]
    assert [told[index]["completion_tokens"] for index in range(4)] == [1, 1, 1, 1]
    assert (last["usage"]["prompt_tokens"], last["usage"]["completion_tokens"]) == (5, 4)


def test_only_who_wants_usage_gets_it_beside_every_event() -> None:
    events = ask(House(), stream=True, stream_options={"continuous_usage_stats": True}).events
    assert not any("usage" in event for event in events)


def test_a_stream_without_the_wish_has_no_usage() -> None:
    assert not any("usage" in event for event in ask(House(), stream=True).events)


def test_a_name_with_percent_signs_and_quotes_is_a_name() -> None:
    house = House()
    house.state.settings = replace(house.settings, alias='50%d"off')
    assert {event["model"] for event in ask(house, stream=True).events} == {'50%d"off'}


def test_every_wish_reaches_the_engine() -> None:
    job = job_of(
        max_tokens=9, temperature=0.5, top_p=0.9, top_k=40, min_p=0.1, frequency_penalty=-1, presence_penalty=1.5,
        repeat_penalty=1.1, seed=-1, logit_bias={"5": -100}, stop=["a", "b"], logprobs=3,
    )  # fmt: skip
    assert job.sampling == Sampling(0.5, 0.9, 40, 0.1, -1.0, 1.5, 1.1, 0xFFFF_FFFE, {5: -100.0})
    assert (job.max_tokens, job.stops, job.top_logprobs, job.constraint) == (9, ("a", "b"), 3, None)


def test_what_nobody_says_has_openais_defaults() -> None:
    job = job_of()
    assert (job.sampling, job.max_tokens, job.stops, job.top_logprobs) == (Sampling(), 16, (), None)


def test_null_is_the_same_as_nothing() -> None:
    assert job_of(temperature=None, stop=None, logit_bias=None, n=None, echo=None, suffix=None).sampling == Sampling()


def test_top_k_minus_one_is_none_at_all() -> None:
    assert job_of(top_k=-1).sampling.top_k == 0


def test_a_text_that_brings_its_own_beginning_has_only_one() -> None:
    house = House()
    ask(house, prompt="<s>Hi")
    assert house.engine.jobs[0].prompt.tolist() == [1, *(each + 3 for each in b"Hi")]


def test_token_ids_are_taken_as_they_are() -> None:
    house = House()
    ask(house, prompt=[5, 6])
    assert house.engine.jobs[0].prompt.tolist() == [5, 6]


def test_several_prompts_and_answers_come_in_order() -> None:
    house = House(seats=4)
    choices = ask(house, prompt=["a", "bc"], n=2, seed=1).json["choices"]
    assert [each["index"] for each in choices] == [0, 1, 2, 3]
    assert [len(job.prompt) for job in house.engine.jobs] == [2, 2, 3, 3]
    assert [job.sampling.seed for job in house.engine.jobs] == [1, 2, 1, 2]


def test_answers_to_one_prompt_count_it_once() -> None:
    house = House(seats=4)
    usage = ask(house, prompt=["a", "bc"], n=2).json["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (2 + 3, 8)
    assert len(house.answered) == 4


def test_an_answer_never_gets_more_room_than_the_context_has() -> None:
    house = House()
    ask(house, prompt="x" * 9, max_tokens=1000)
    assert house.engine.jobs[0].max_tokens == CONTEXT - 10


@pytest.mark.parametrize("prompt", ["x" * CONTEXT, [5] * CONTEXT], ids=["text", "ids"])
def test_a_prompt_that_is_too_long_is_told_with_both_numbers(prompt: Any) -> None:
    error = ask(House(), prompt=prompt).error
    assert error["code"] == "context_length_exceeded"
    assert str(CONTEXT) in error["message"]
    assert f"has {CONTEXT + isinstance(prompt, str)} tokens" in error["message"]


def test_the_longest_prompt_leaves_room_for_one_token() -> None:
    house = House()
    assert ask(house, prompt=[5] * (CONTEXT - 1)).status == 200
    assert house.engine.jobs[0].max_tokens == 1


def test_a_field_that_nobody_knows_is_refused_by_name() -> None:
    reply = ask(House(), temprature=0.5, stream_options={"x": 1}, stream=True)
    assert (reply.status, reply.error["param"]) == (400, "temprature")
    assert "temprature (did you mean temperature?), stream_options.x" in reply.error["message"]


def test_it_is_ignored_and_named_where_the_request_is_not_strict() -> None:
    reply = ask(House(), strict=False, temprature=0.5, sünde=1)
    assert (reply.status, reply.headers["x-plimsoll-ignored"]) == (200, "temprature, s\\xfcnde")


def test_an_engine_that_is_not_strict_ignores_until_a_request_is() -> None:
    house = House()
    house.state.settings = replace(house.settings, strict=False)
    assert ask(house, temprature=1).headers["x-plimsoll-ignored"] == "temprature"
    assert ask(house, temprature=1, strict=True).status == 400


def test_another_model_is_not_here() -> None:
    reply = ask(House(), model="ship")
    assert (reply.status, reply.error["code"]) == (404, "model_not_found")
    assert ask(House(), model="boat").status == 200


def test_the_other_mode_is_told_with_the_fix() -> None:
    house = House()
    house.state.settings = replace(house.settings, mode=Mode.EMBED)
    reply = ask(house)
    assert (reply.status, "--mode=generate" in reply.error["message"]) == (400, True)


def test_logprobs_have_tokens_and_where_they_stand() -> None:
    def play(job: Job) -> None:
        job.sink(Delta("ab", (100, 101), (TokenChoice(100, -0.5, ((100, -0.5), (102, -2.0))), TokenChoice(101, -1.0))))
        job.sink(Delta("c", (102,), (TokenChoice(102, float("-inf")),), Finish.LENGTH, Usage(3, 0, 3)))

    whole = ask(House(play), logprobs=2).json["choices"][0]["logprobs"]
    assert whole == {
        "tokens": ["a", "b", "c"],
        "token_logprobs": [-0.5, -1.0, -9999.0],
        "top_logprobs": [{"a": -0.5, "c": -2.0}, {}, {}],
        "text_offset": [0, 1, 2],
    }
    events = ask(House(play), logprobs=2, stream=True).events
    assert [event["choices"][0]["logprobs"]["text_offset"] for event in events[:2]] == [[0, 1], [2]]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"response_format": {"type": "json_object"}}, "json_object"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}, "json_schema"),
        ({"grammar": 'root ::= "a"'}, "grammar"),
        ({"response_format": {"type": "text"}}, None),
    ],
)
def test_the_shape_of_an_answer_reaches_the_engine(fields: dict[str, Any], kind: str | None) -> None:
    assert getattr(job_of(**fields).constraint, "kind", None) == kind


def test_a_grammar_that_is_none_is_refused() -> None:
    reply = ask(House(), grammar="nonsense")
    assert (reply.status, reply.error["code"]) == (400, "bad_grammar")


def test_a_full_room_is_told_with_the_time_to_stay_away() -> None:
    house = House()
    house.engine.room.take(4)
    reply = ask(house)
    assert (reply.status, reply.error["type"], reply.headers["retry-after"]) == (429, "rate_limit_error", "1")


def test_a_full_room_is_told_before_a_body_is_read_and_seats_are_free_after_every_end() -> None:
    house = House()
    house.engine.room.take(4)
    assert house.ask(PATH, b"no JSON").status == 429
    house.engine.room.give_back(4)
    for body in ({"prompt": "Hi"}, {"prompt": "Hi", "stream": True}, {"prompt": ""}, {"prompt": "x" * 200}, {"n": 0}):
        house.ask(PATH, body)
        assert house.engine.room.taken == 0


def test_more_answers_than_there_are_seats_is_nothing_to_wait_for() -> None:
    reply = ask(House(), n=5)
    assert (reply.status, reply.error["param"]) == (400, "n")


@pytest.mark.parametrize(("refusal", "status"), [(Busy(3), 429), (Draining(), 503)], ids=["busy", "draining"])
def test_an_engine_that_takes_nothing_is_told_as_it_is(refusal: Busy | Draining, status: int) -> None:
    house = House()
    house.engine.refusal = refusal
    reply = ask(house)
    assert (reply.status, house.engine.room.taken) == (status, 0)
    assert "retry-after" in reply.headers


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_fails_before_its_first_word_has_a_status_that_says_so(stream: bool) -> None:
    for finish, status in ((Finish.FAILED, 500), (Finish.DRAINED, 503), (Finish.EXPIRED, 429)):
        assert ask(House(saying(finish=finish)), stream=stream).status == status
