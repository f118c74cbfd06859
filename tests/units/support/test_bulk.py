"""Many ModelConfigs are many different names of one valid spec."""

from __future__ import annotations

import pytest

from plimsoll.api.validate import validate
from tests.support.bulk import bulk


@pytest.mark.parametrize("url", ["https://models.example.com/tiny.gguf", "http://10.0.0.1:8000/tiny.gguf"])
def test_each_is_valid(url: str) -> None:
    assert [validate(each) for each in bulk(2, "sea", url)] == [[], []]


def test_more_of_them_have_other_names() -> None:
    names = [each["metadata"]["name"] for each in [*bulk(3, "sea"), *bulk(2, "sea", first=3)]]
    assert names == ["model-00000", "model-00001", "model-00002", "model-00003", "model-00004"]
