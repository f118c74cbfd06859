"""The backends that a model may be served by, each with the protocol that it speaks; one small file for each."""

from __future__ import annotations

from collections.abc import Mapping

from plimsoll.gateway.backends.dialect import Dialect
from plimsoll.gateway.backends.llamacpp import LLAMACPP
from plimsoll.gateway.backends.openai import OPENAI
from plimsoll.gateway.backends.openai_compatible import OPENAI_COMPATIBLE
from plimsoll.gateway.backends.vllm import VLLM

# By the name that stands in the routing document.
BACKENDS: Mapping[str, Dialect] = {each.name: each for each in (LLAMACPP, VLLM, OPENAI, OPENAI_COMPATIBLE)}
