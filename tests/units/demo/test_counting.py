"""Whether what was printed, what metrics say and what records say is one and the same."""

from __future__ import annotations

import json

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest

from tools.demo.answers import Refusal, Used, refusal, revisions, used
from tools.demo.counts import differences, of_metrics, of_records

PRINTED = """question: What is a keel?
answer: tokens: 9 prompt, 9 completion, 18 total, it said
tokens: 12 prompt, 30 completion, 42 total
model: quickstart/assistant, revision 2
time: 0.100 s to the first token, 0.200 s in all
request: abc
question: Hello
answer: Hello!
tokens: 5 prompt, 7 completion, 12 total
model: quickstart/assistant, revision 3
time: 0.100 s to the first token, 0.200 s in all
request: abd
refused: 429 rate_limit_exceeded: the limit of key quickstart/hurried is reached: 4 requests in 60 s
"""


def test_what_was_printed_is_added_up_and_answers_that_look_like_counts_are_not() -> None:
    assert used(PRINTED) == Used(2, 17, 37)
    assert revisions(PRINTED) == [2, 3]


def test_a_refusal_has_its_status_its_code_and_its_words() -> None:
    assert refusal(PRINTED) == Refusal(
        429, "rate_limit_exceeded", "the limit of key quickstart/hurried is reached: 4 requests in 60 s"
    )
    assert refusal("refused: 0 None: Connection error.") == Refusal(0, "None", "Connection error.")
    assert refusal("answer: 42") is None


def exposition(model: str = "quickstart/assistant") -> str:
    """As a gateway writes it."""
    registry = CollectorRegistry()
    requests = Counter("plimsoll_requests", "r", ["model", "team", "operation", "code"], registry=registry)
    tokens = Counter("plimsoll_tokens", "t", ["model", "team", "type"], registry=registry)
    for name, code, count in ((model, "2xx", 3), (model, "4xx", 5), ("none", "2xx", 7), ("other/model", "2xx", 11)):
        requests.labels(name, "quickstart", "chat", code).inc(count)
    for kind, count in (("input", 10), ("cached_input", 20), ("output", 40), ("reasoning", 1)):
        tokens.labels(model, "quickstart", kind).inc(count)
    tokens.labels("other/model", 'a "team", of {others}', "input").inc(1000)
    return generate_latest(registry).decode()


def test_metrics_are_those_of_the_model_and_of_answers() -> None:
    assert of_metrics(exposition(), "quickstart/assistant") == Used(3, 30, 41)
    assert of_metrics(exposition(), "nobody/there") == Used()


def test_numbers_of_a_large_size_are_read_as_they_are_written() -> None:
    sample = 'plimsoll_tokens_total{model="m",team="t",type="output"} 1.2345678e+07\n'
    assert of_metrics(sample, "m") == Used(completion=12_345_678)


def test_records_are_what_the_command_line_says() -> None:
    answer = {"total": {"requests": 2, "attempts": 3, "tokens": {"prompt": 17, "completion": 37, "total": 54}}}
    assert of_records(json.dumps(answer)) == Used(2, 17, 37)


def test_what_is_the_same_everywhere_has_no_difference() -> None:
    assert differences({"printed": Used(1, 2, 3), "metrics": Used(1, 2, 3)}) == ""


@pytest.mark.parametrize("other", [Used(2, 2, 3), Used(1, 3, 3), Used(1, 2, 4)])
def test_a_difference_of_one_is_told_with_all_numbers(other: Used) -> None:
    said = differences({"printed": Used(1, 2, 3), "records": other})
    assert said == f"printed: {Used(1, 2, 3).words()}; records: {other.words()}"


def test_what_was_there_before_does_not_count() -> None:
    assert Used(5, 60, 70) - Used(2, 10, 20) == Used(3, 50, 50)
    assert Used(1, 2, 3) + Used(1, 2, 3) == Used(2, 4, 6)
