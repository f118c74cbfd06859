"""The short and the long form of the same tests: which points are taken, and how many of a thing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import pytest

DEFAULT_SEED = 20_261_121
Point = TypeVar("Point")


@dataclass(frozen=True)
class Form:
    """How much of each test is run."""

    long: bool
    seed: int

    def sample(self, name: str, points: Sequence[Point], short: int) -> list[Point]:
        """Every point in the long form; in the short form the same few for the same seed, in their own order."""
        if self.long or short >= len(points):
            return list(points)
        chosen = random.Random(f"{self.seed}:{name}").sample(range(len(points)), short)
        return [points[index] for index in sorted(chosen)]

    def count(self, *, small: int, large: int) -> int:
        return large if self.long else small

    def __str__(self) -> str:
        return "long (every point)" if self.long else f"short (sampled with --seed {self.seed})"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("plimsoll", "how much is tested")
    group.addoption("--form", choices=("short", "long"), default="short", help="short: a sample; long: every point")
    group.addoption("--seed", type=int, default=DEFAULT_SEED, help="which sample the short form takes")


def form_of(config: pytest.Config) -> Form:
    return Form(long=config.getoption("--form") == "long", seed=config.getoption("--seed"))


def pytest_report_header(config: pytest.Config) -> str:
    return f"form: {form_of(config)}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for mark in metafunc.definition.iter_markers("kill_points"):
        _parametrize(metafunc, *mark.args, **mark.kwargs)


def _parametrize(metafunc: pytest.Metafunc, name: str, points: Sequence[object], short: int) -> None:
    chosen = form_of(metafunc.config).sample(metafunc.definition.name, points, short)
    metafunc.parametrize(name, chosen, ids=str)


@pytest.fixture(scope="session")
def form(pytestconfig: pytest.Config) -> Form:
    return form_of(pytestconfig)
