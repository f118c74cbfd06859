"""The short form takes the same few points for the same seed, the long form all of them."""

from __future__ import annotations

import pytest

from tests.support.form import Form

pytest_plugins = ["pytester"]

POINTS = [f"write-{number}" for number in range(20)]


def test_the_long_form_takes_every_point() -> None:
    assert Form(long=True, seed=1).sample("any", POINTS, short=3) == POINTS


def test_the_short_form_takes_as_many_points_as_asked_in_their_own_order() -> None:
    taken = Form(long=False, seed=1).sample("any", POINTS, short=3)
    assert len(set(taken)) == 3
    assert taken == sorted(taken, key=POINTS.index)


def test_the_same_seed_takes_the_same_points() -> None:
    first, second = (Form(long=False, seed=7).sample("any", POINTS, short=5) for _ in range(2))
    assert first == second


def test_another_seed_or_another_test_takes_other_points() -> None:
    taken = {tuple(Form(long=False, seed=seed).sample("any", POINTS, short=5)) for seed in range(10)}
    assert len(taken) > 1
    taken = {tuple(Form(long=False, seed=1).sample(name, POINTS, short=5)) for name in ("a", "b", "c", "d")}
    assert len(taken) > 1


def test_over_many_seeds_every_point_is_taken() -> None:
    taken = {point for seed in range(200) for point in Form(long=False, seed=seed).sample("any", POINTS, short=2)}
    assert taken == set(POINTS)


def test_a_list_shorter_than_the_sample_is_taken_whole() -> None:
    assert Form(long=False, seed=1).sample("any", ["one"], short=3) == ["one"]


@pytest.mark.parametrize(("long", "expected"), [(False, 10), (True, 1000)])
def test_counts_are_small_or_large(long: bool, expected: int) -> None:
    assert Form(long=long, seed=1).count(small=10, large=1000) == expected


@pytest.mark.parametrize(("form", "tests"), [("short", 2), ("long", 5)])
def test_each_kill_point_that_is_taken_is_a_test_of_its_own(
    pytester: pytest.Pytester, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, form: str, tests: int
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(pytestconfig.rootpath))
    pytester.makeini("[pytest]\nmarkers = kill_points(name, points, short): see pytest.ini of the project")
    pytester.makeconftest('pytest_plugins = ["tests.support.form"]')
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.kill_points("write", range(5), short=2)
        def test_a_crash(write): pass
        """
    )
    pytester.runpytest_subprocess("--form", form).assert_outcomes(passed=tests)
