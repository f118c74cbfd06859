"""Models whose sizes tests look at, read from headers that were made for them."""

from __future__ import annotations

from functools import cache

from plimsoll.plan.gguf import Header, parse
from plimsoll.plan.sizing import Load
from plimsoll.plan.sizing_model import Model, model_of
from tests.support import gguf_maker as maker
from tests.support.gguf_maker import Made, Shape
from tests.support.gguf_models import MODELS

LOAD = Load(context=4096)


@cache
def header_of(shape: Shape, file_type: str = "Q4_K_M") -> Header:
    made = maker.model(shape, file_type)
    header = parse(made.data, made.file_size)
    assert isinstance(header, Header)
    return header


def kind(name: str) -> Model:
    return of(MODELS[name]())


def of(made: Made) -> Model:
    header = parse(made.data, made.file_size)
    assert isinstance(header, Header)
    return model_of(header)
