"""ModelConfigs made by chance that every rule accepts, for tests that ask many of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from plimsoll.api.generation import PARAMETERS
from tests.support.model_configs import Object, base, model_config

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="{}"), max_size=40)
_SOME_TEXT = _TEXT.map(lambda text: f"x{text}")
_NAME = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True)
_MEMORY = st.sampled_from(["16Mi", "512Mi", "1.5Gi", "2G", "1073741824", 1073741824, "8Gi", "1Ti"])


def _optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def _generation(draw: st.DrawFn) -> Object:
    made: Object = {"defaults": {}, "limits": {"min": {}, "max": {}}}
    for parameter in PARAMETERS:
        low, high = int(parameter.lowest), int(parameter.highest)
        number = (
            st.integers(low, high) if parameter.whole else st.integers(low * 100, high * 100).map(lambda n: n / 100)
        )
        three = sorted(draw(st.lists(number, min_size=3, max_size=3)))
        for place, value in zip((made["limits"]["min"], made["defaults"], made["limits"]["max"]), three, strict=True):
            if draw(st.booleans()):
                place[parameter.name] = value
    made["locked"] = sorted(name for name in made["defaults"] if draw(st.booleans()))
    return made


@st.composite
def _prompt(draw: st.DrawFn) -> Object:
    names = draw(st.lists(_NAME, min_size=1, max_size=4, unique=True))
    roles = []
    for name in names:
        before, after = draw(_TEXT), draw(_TEXT)
        role: Object = {"name": name, "system": draw(_SOME_TEXT)}
        if draw(st.booleans()):
            role["frame"] = f"{{system}} {before}{{{{x}}}}{{user}}{after}"
        if draw(st.booleans()):
            role["examples"] = [{"user": draw(_SOME_TEXT), "answer": draw(_SOME_TEXT)}]
        roles.append(role)
    return {"active": draw(st.sampled_from(names)), "lockSystem": draw(st.booleans()), "roles": roles}


_POD = _optional(
    nodeSelector=st.dictionaries(_NAME, _NAME, max_size=3),
    tolerations=st.lists(_optional(effect=st.just("NoExecute"), tolerationSeconds=st.integers(0, 600)), max_size=2).map(
        lambda entries: [{"key": "gpu", **entry} for entry in entries if len(entry) != 1 or "effect" in entry]
    ),
    affinity=st.just({"nodeAffinity": {"anything": [1, {"a": True}]}}),
    priorityClassName=_NAME,
    terminationGracePeriodSeconds=st.integers(1, 600),
    volumes=st.lists(_NAME, max_size=3, unique=True).map(
        lambda names: [{"name": f"v-{name}", "emptyDir": {}} for name in names]
    ),
)

_HOSTED = _optional(
    engine=_optional(options=_optional(flashAttention=st.just(True), batchSize=st.integers(32, 4096))),
    hardware=st.fixed_dictionaries(
        {"profile": _NAME.map(lambda name: f"gpu-{name}")},
        optional={
            "count": st.integers(1, 16),
            "fallback": st.fixed_dictionaries({"to": st.just("cpu"), "after": st.sampled_from(["10s", "5m", "1h30m"])}),
        },
    ),
    context=st.integers(256, 1_000_000),
    parallel=st.integers(1, 64),
    resources=_optional(limits=_optional(memory=_MEMORY, cpu=st.sampled_from([1, "500m", "2.5"])), storage=_MEMORY),
    podTemplate=st.builds(lambda pod: {"spec": pod}, _POD),
    scaling=st.builds(lambda replicas: {"replicas": replicas}, st.integers(0, 100)),
)
_ACCESS = st.one_of(
    _optional(**{"from": st.sampled_from(["Same", "All"])}),
    st.builds(
        lambda names: {"from": "Selected", "namespaces": names}, st.lists(_NAME, min_size=1, max_size=4, unique=True)
    ),
)
_DURATION = st.sampled_from(["1s", "30s", "90s", "2m", "1m30s", "1h"])
_LIMITS = st.builds(
    lambda limited, more: {**limited, **more},
    st.sampled_from([{"requests": 60}, {"tokens": 2**53}, {"concurrency": 4}, {"requests": 1, "tokens": 1}]),
    st.one_of(
        _optional(window=_DURATION),
        st.fixed_dictionaries({"whenFull": st.just("Wait")}, optional={"queue": st.integers(1, 1000)}),
    ),
)
_CALLS = _optional(
    timeouts=_optional(firstByte=_DURATION, idle=_DURATION, total=_DURATION),
    onDisconnect=st.sampled_from(["Cancel", "Drain"]),
)
_COMMON = _optional(
    generation=_generation(),
    prompt=_prompt(),
    access=_ACCESS,
    limits=_LIMITS,
    calls=_CALLS,
    pinRevision=st.integers(1, 99),
)


@st.composite
def model_configs(draw: st.DrawFn) -> Object:
    """A ModelConfig that is valid, with any mixture of fields."""
    kind = draw(st.sampled_from(["hosted", "hub", "bucket", "claim", "external", "compatible"]))
    local = kind not in ("external", "compatible")
    spec = {**base(kind), **draw(_COMMON), **(draw(_HOSTED) if local else {})}
    return model_config(spec, name=draw(_NAME))
