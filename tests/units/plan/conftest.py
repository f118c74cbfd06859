"""Models that tests of sizings share."""

from __future__ import annotations

import pytest

from plimsoll.plan.sizing_model import Model, model_of
from tests.support import gguf_maker as maker
from tests.support.sized_models import header_of


@pytest.fixture(scope="module")
def mid() -> Model:
    return model_of(header_of(maker.MID, "Q4_0"))


@pytest.fixture(scope="module")
def midv() -> Model:
    return model_of(header_of(maker.MIDV, "Q4_0"))
