"""How much a gateway has to do, as the operator hears it."""

from __future__ import annotations

from plimsoll.gateway.load import Calls
from plimsoll.gateway.metrics import Metrics
from plimsoll.routing.conversation import Load, ModelLoad


def test_who_waits_does_not_run_and_who_has_left_is_forgotten() -> None:
    metrics = Metrics(lambda: None)
    for _ in range(3):
        metrics.entered("a/x")
    metrics.waits("a/x")
    metrics.entered("a/y")
    assert metrics.calls.load() == Load(
        models={"a/x": ModelLoad(running=2, waiting=1), "a/y": ModelLoad(running=1, waiting=0)}
    )
    metrics.waited("a/x", 1.0)
    metrics.left("a/y")
    assert metrics.calls.load() == Load(models={"a/x": ModelLoad(running=3)})
    for _ in range(3):
        metrics.left("a/x")
    assert metrics.calls.load() == Load(models={})


def test_every_model_has_its_name_there() -> None:
    calls = Calls()
    names = {f"a/m{number}" for number in range(300)}
    for name in names:
        calls.entered(name)
    assert calls.load().models.keys() == names
