"""What is measured: the counts of the engine as they are at that moment, and the times of answers."""

from collections.abc import Mapping

import numpy as np
import pytest

from plimsoll.runtime.http.answers import Answer, Answers
from plimsoll.runtime.metrics import Metrics
from plimsoll.runtime.requests import Finish, Job, Sampling, Usage
from plimsoll.runtime.statistics import Statistics
from tests.support.operator_process import sum_of

SEEN = Statistics(
    slots=4, slots_busy=3, waiting=2, cache_tokens_used=50, cache_tokens=200, prompt_tokens=100, cached_tokens=40,
    completion_tokens=60, steps=70, decode_tokens=80, decode_seconds=4.0, library_seconds=5.0, busy_seconds=6.0,
    finished={Finish.STOP: 7, Finish.CANCELLED: 8}, last_progress=0.0,
)  # fmt: skip


def told(metrics: Metrics) -> str:
    return metrics.exposition()[1].decode()


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("plimsoll_engine_slots", {}, 4),
        ("plimsoll_engine_slots_busy", {}, 3),
        ("plimsoll_engine_waiting", {}, 2),
        ("plimsoll_engine_kv_used_ratio", {}, 0.25),
        ("plimsoll_engine_prompt_tokens_total", {}, 100),
        ("plimsoll_engine_cached_tokens_total", {}, 40),
        ("plimsoll_engine_completion_tokens_total", {}, 60),
        ("plimsoll_engine_decode_tokens_per_second", {}, 20),
        ("plimsoll_engine_steps_total", {}, 70),
        ("plimsoll_engine_aborted_total", {}, 8),
        ("plimsoll_engine_requests_total", {"finish": "stop"}, 7),
        ("plimsoll_engine_requests_total", {"finish": "failed"}, 0),
        ("vllm:num_requests_running", {"model_name": "boat"}, 3),
        ("vllm:num_requests_waiting", {"model_name": "boat"}, 2),
        ("vllm:kv_cache_usage_perc", {"model_name": "boat"}, 0.25),
        ("vllm:prompt_tokens_total", {"model_name": "boat"}, 100),
        ("vllm:generation_tokens_total", {"model_name": "boat"}, 60),
    ],
)
def test_every_count_is_told_under_its_name(name: str, labels: Mapping[str, str], value: float) -> None:
    assert sum_of(told(Metrics(lambda: SEEN, "boat")), name, dict(labels)) == value


def test_before_there_is_an_engine_nothing_is_told_of_it() -> None:
    assert "plimsoll_engine_slots" not in told(Metrics(lambda: None, "boat"))


def test_times_are_those_of_whole_answers() -> None:
    metrics = Metrics(lambda: None, "boat")
    job = Job("a", np.zeros(1, dtype=np.int32), 9, Sampling(), Answers.unexpected)
    metrics.answered(Answer(job, began=10, first=10.5, ended=12.5, finish=Finish.STOP, usage=Usage(3, 0, 5)))
    metrics.answered(Answer(job, began=10, ended=12.5, finish=Finish.CANCELLED, usage=Usage(0, 0, 0)))
    metrics.answered(Answer(job, began=10, first=10.25, ended=10.25, finish=Finish.STOP, usage=Usage(3, 0, 1)))
    text = told(metrics)
    assert sum_of(text, "plimsoll_engine_time_to_first_token_seconds_sum", {}) == 0.75
    assert sum_of(text, "plimsoll_engine_time_to_first_token_seconds_count", {}) == 2
    assert sum_of(text, "plimsoll_engine_time_per_output_token_seconds_sum", {}) == 0.5
    assert sum_of(text, "plimsoll_engine_time_per_output_token_seconds_count", {}) == 1
