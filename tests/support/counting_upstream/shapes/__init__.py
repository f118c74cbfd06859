"""How backends write: the shape of every body and event, one file for each of them, with where it is read from."""

from __future__ import annotations

from tests.support.counting_upstream.shapes.llamacpp import LlamaCpp
from tests.support.counting_upstream.shapes.openai import OpenAIShape
from tests.support.counting_upstream.shapes.shape import Shape
from tests.support.counting_upstream.shapes.vllm import Vllm

SHAPES: dict[str, type[Shape]] = {"llamacpp": LlamaCpp, "vllm": Vllm, "openai": OpenAIShape}
