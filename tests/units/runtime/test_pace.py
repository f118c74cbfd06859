"""How much of the prompts a step reads follows what the steps before have taken."""

from __future__ import annotations

from plimsoll.runtime.pace import LONGEST_STEP_SECONDS, SMALLEST_CHUNK, STREAMING_STEP_SECONDS, Pace


def test_the_first_chunk_is_modest_because_nothing_is_known() -> None:
    assert Pace(batch=512).budget(streaming=0) == 128


def test_a_step_with_streams_stays_within_its_time() -> None:
    pace = Pace(batch=4096)
    pace.learn(100, 0.1)
    assert pace.budget(streaming=3) == int(STREAMING_STEP_SECONDS / 0.001)


def test_a_step_without_streams_may_take_longer_but_not_for_ever() -> None:
    pace = Pace(batch=4096)
    pace.learn(100, 0.1)
    assert pace.budget(streaming=0) == int(LONGEST_STEP_SECONDS / 0.001)


def test_a_fast_model_fills_the_batch_beside_the_streams() -> None:
    pace = Pace(batch=512)
    pace.learn(512, 0.001)
    assert pace.budget(streaming=12) == 500


def test_a_slow_model_still_reads_some() -> None:
    pace = Pace(batch=512)
    pace.learn(100, 100.0)
    assert pace.budget(streaming=1) == SMALLEST_CHUNK


def test_a_full_batch_of_streams_leaves_no_room() -> None:
    assert Pace(batch=8).budget(streaming=8) == 0


def test_a_few_tokens_say_nothing_about_the_speed() -> None:
    pace = Pace(batch=512)
    pace.learn(3, 1.0)
    assert pace.token_seconds.value is None
