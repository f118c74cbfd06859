"""FEATURES 32: defaults, limits and locks, the same for every backend, each in its own words."""

from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
import yaml

from plimsoll.api.generation import PARAMETERS, ParameterName
from plimsoll.gateway.errors import ApiError
from plimsoll.gateway.policy.parameters import NAMES
from plimsoll.gateway.request import SUBJECTS
from plimsoll.routing.policy import Generation
from tests.support.asked import asked, goes_on, served

BACKENDS = ("llamacpp", "vllm", "openai")
_TABLE = Path(__file__).resolve().parents[3] / "support" / "generation_cases.yaml"
CASES: list[dict[str, Any]] = yaml.safe_load(_TABLE.read_text())


def policy_of(case: dict[str, Any]) -> Generation:
    told = case["policy"]
    limits = told.get("limits", {})
    defaults = told.get("defaults", {})
    defaults = {name: tuple(each) if isinstance(each, list) else each for name, each in defaults.items()}
    return Generation(
        defaults=defaults,
        minimum=limits.get("min", {}),
        maximum=limits.get("max", {}),
        locked=tuple(told.get("locked", ())),
    )


def of(table: dict[str, Any], backend: str, otherwise: Any) -> Any:
    return table.get(backend, table.get("all", otherwise))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_what_the_table_says_becomes_of_parameters(case: dict[str, Any], backend: str) -> None:
    request = asked(case.get("operation", "chat"), **case["ask"])
    by = served(backend, generation=policy_of(case))
    if "refused" in case:
        with pytest.raises(ApiError) as caught:
            goes_on(request, by)
        assert caught.value.status == 400
        assert {"code": caught.value.code, "param": caught.value.param} == case["refused"]
        assert caught.value.message.startswith(f"{caught.value.param}: ")
        return
    shaped = goes_on(request, by)
    expected = {"model": "there", SUBJECTS[request.operation]: request.fields[SUBJECTS[request.operation]]}
    assert orjson.loads(shaped.body) == expected | of(case["sent"], backend, None)
    headers = {name: text.decode() for name, text in shaped.report.headers()}
    told = {f"x-plimsoll-{name}": of(case.get(name, {}), backend, "") for name in ("capped", "unsupported")}
    assert headers == {name.encode(): " ".join(text.split()) for name, text in told.items() if text}


def test_every_parameter_that_an_owner_can_govern_is_governed() -> None:
    assert set(NAMES) == set(get_args(ParameterName))


@pytest.mark.parametrize("name", [each.name for each in PARAMETERS])
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_table_has_every_parameter_absent_over_under_and_locked(name: str, backend: str) -> None:
    def in_some(found: Any) -> bool:
        return any(found(policy_of(case), {each for each in NAMES[name] if each in case["ask"]}) for case in CASES)

    assert in_some(lambda policy, sent: name in policy.defaults and not sent)
    assert in_some(lambda policy, sent: name in policy.maximum and sent)
    assert in_some(lambda policy, sent: name in policy.minimum and sent)
    assert in_some(lambda policy, sent: name in policy.locked and sent)


@pytest.mark.parametrize("value", [10, 10.0])
def test_a_value_within_its_limits_goes_on_as_it_was_written(value: float) -> None:
    by = served(generation=Generation(maximum={"maxTokens": 10}))
    request = asked(max_tokens=value)
    assert orjson.dumps(value) in goes_on(request, by).body


def test_what_is_usual_is_raised_to_the_least_that_is_allowed_also_where_nothing_else_is_governed() -> None:
    by = served(generation=Generation(minimum={"temperature": 1.2}))
    assert orjson.loads(goes_on(asked(), by).body)["temperature"] == 1.2


def test_nothing_changes_where_nothing_is_governed() -> None:
    request = asked(model="there", temperature=5, surprise=1)
    assert goes_on(request, served()).body is request.body.raw
