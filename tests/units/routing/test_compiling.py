"""The document says what the served revision and the newest spec say, with every default in its place."""

from __future__ import annotations

from typing import Any

import pytest

from plimsoll.api.teams import Team
from plimsoll.routing.claims import Claims
from plimsoll.routing.compiling import House, ModelFacts, Serving, compile_document, compile_model
from plimsoll.routing.document import Access, Down, Endpoint, Hosted, OnDisconnect, Provider, Served, Timeouts, Version
from plimsoll.routing.entry import Secret
from plimsoll.routing.limits import NO_LIMITS, Limits
from plimsoll.routing.policy import Example, Generation, Prompt
from tests.support.model_configs import base
from tests.support.routing_documents import key

SERVICE = "chat.team-a.svc:8080"
PODS = (Endpoint(name="b", address="10.0.0.2:8080"), Endpoint(name="a", address="10.0.0.1:8080", draining=True))
USUAL_TIMEOUTS = Timeouts(connect=5.0, first_byte=30.0, idle=30.0, total=30.0)
NOBODY = Claims({}, {})


def facts(spec: dict[str, Any], accepted: dict[str, Any] | None = None, credential: Secret | None = None) -> ModelFacts:
    serving = Serving(3, spec if accepted is None else accepted, PODS, SERVICE, credential)
    return ModelFacts("team-a", "chat", spec, serving)


def state(given: ModelFacts) -> Served:
    compiled = compile_model(given).state
    assert isinstance(compiled, Served)
    return compiled


def test_a_model_that_says_only_what_it_must_has_every_default() -> None:
    assert state(facts(base("hosted"))) == Served(
        revision=3,
        backend="llamacpp",
        target="chat",
        upstream=Hosted(endpoints=(PODS[1], PODS[0]), service=SERVICE),
        context=4096,
        parallel=1,
        generation=Generation(),
        prompt=None,
        limits=NO_LIMITS,
        on_disconnect="cancel",
        timeouts=USUAL_TIMEOUTS,
    )


def test_a_model_of_a_provider_has_its_address_its_name_there_and_its_key_and_no_sizes() -> None:
    served = state(facts(base("external"), credential=Secret("sk-1")))
    assert served.upstream == Provider(base_url="https://api.openai.com/v1", credential=Secret("sk-1"))
    assert (served.backend, served.context, served.parallel) == ("openai", None, None)
    assert served.target == base("external")["external"]["model"]
    assert served.on_disconnect == "drain"


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_free_address_is_taken_without_a_slash_at_its_end(slash: str) -> None:
    spec = {
        "external": {"provider": "openai-compatible", "model": "m", "baseURL": f"https://llm.example.com/api/v1{slash}"}
    }
    upstream = state(facts(spec)).upstream
    assert upstream == Provider(base_url="https://llm.example.com/api/v1")


def test_what_serves_is_the_revision_and_not_the_newest_spec() -> None:
    accepted = {**base("vllm"), "context": 8192, "parallel": 4, "generation": {"defaults": {"temperature": 0.5}}}
    newest = {**base("hosted"), "context": 256, "generation": {"defaults": {"temperature": 1.5}}}
    served = state(facts(newest, accepted))
    assert (served.backend, served.context, served.parallel) == ("vllm", 8192, 4)
    assert served.generation.defaults == {"temperature": 0.5}


def test_who_may_call_and_how_much_is_that_of_the_newest_spec() -> None:
    changed = {"access": {"from": "All"}, "limits": {"requests": 3}, "calls": {"onDisconnect": "Drain"}}
    newest = {**base("hosted"), **changed}
    accepted = {**base("hosted"), "access": {"from": "Same"}, "limits": {"requests": 9}}
    assert compile_model(facts(newest, accepted)).access == Access(everyone=True)
    served = state(facts(newest, accepted))
    assert (served.limits, served.on_disconnect) == (Limits(requests=3), "drain")


@pytest.mark.parametrize(
    ("declared", "resolved"),
    [
        (None, Access(namespaces=("team-a",))),
        ({"from": "Same"}, Access(namespaces=("team-a",))),
        ({"from": "All"}, Access(everyone=True)),
        ({"from": "Selected", "namespaces": ["team-c", "team-b"]}, Access(namespaces=("team-a", "team-b", "team-c"))),
        ({"from": "Selected", "namespaces": ["team-a"]}, Access(namespaces=("team-a",))),
    ],
    ids=str,
)
def test_a_model_is_always_open_to_its_own_namespace(declared: dict[str, Any] | None, resolved: Access) -> None:
    spec = base("hosted") if declared is None else {**base("hosted"), "access": declared}
    assert compile_model(facts(spec)).access == resolved


@pytest.mark.parametrize(
    ("declared", "resolved"),
    [
        ({}, NO_LIMITS),
        ({"requests": 3}, Limits(requests=3, window_seconds=60.0)),
        ({"tokens": 9, "window": "1m30s"}, Limits(tokens=9, window_seconds=90.0)),
        ({"concurrency": 2, "whenFull": "Wait"}, Limits(concurrency=2, when_full="wait", queue=100)),
        ({"requests": 1, "whenFull": "Wait", "queue": 7}, Limits(requests=1, when_full="wait", queue=7)),
        ({"requests": 1, "whenFull": "Refuse"}, Limits(requests=1, when_full="refuse", queue=0)),
    ],
    ids=str,
)
def test_every_limit_is_resolved(declared: dict[str, Any], resolved: Limits) -> None:
    assert state(facts({**base("hosted"), "limits": declared})).limits == resolved


@pytest.mark.parametrize(
    ("declared", "resolved"),
    [
        ({}, USUAL_TIMEOUTS),
        ({"timeouts": {}}, USUAL_TIMEOUTS),
        (
            {"timeouts": {"firstByte": "2m", "idle": "10s", "total": "1h"}},
            Timeouts(connect=5.0, first_byte=120.0, idle=10.0, total=3600.0),
        ),
        ({"timeouts": {"total": "5m"}}, Timeouts(connect=5.0, first_byte=30.0, idle=30.0, total=300.0)),
    ],
    ids=str,
)
def test_every_timeout_is_resolved(declared: dict[str, Any], resolved: Timeouts) -> None:
    assert state(facts({**base("hosted"), "calls": declared})).timeouts == resolved


@pytest.mark.parametrize(
    ("base_name", "declared", "resolved"),
    [
        ("hosted", None, "cancel"),
        ("hosted", "Drain", "drain"),
        ("external", None, "drain"),
        ("external", "Cancel", "cancel"),
    ],
)
def test_what_becomes_of_a_call_without_its_client_depends_on_who_is_paid(
    base_name: str, declared: str | None, resolved: OnDisconnect
) -> None:
    spec = {**base(base_name), "calls": {"onDisconnect": declared} if declared else {}}
    assert state(facts(spec)).on_disconnect == resolved


def test_the_policy_for_generation_is_that_of_the_spec_by_the_names_of_the_spec() -> None:
    declared = {
        "defaults": {"temperature": 1, "topK": 40, "seed": 7, "stop": ["</s>", "END"]},
        "limits": {"min": {"topP": 0.1}, "max": {"maxTokens": 512, "temperature": 1.5}},
        "locked": ["seed", "temperature"],
    }
    assert state(facts({**base("hosted"), "generation": declared})).generation == Generation(
        defaults={"temperature": 1.0, "topK": 40, "seed": 7, "stop": ("</s>", "END")},
        minimum={"topP": 0.1},
        maximum={"maxTokens": 512, "temperature": 1.5},
        locked=("seed", "temperature"),
    )


@pytest.mark.parametrize("declared", [{}, {"limits": {}}, {"limits": {"max": {}}, "defaults": {}}], ids=str)
def test_a_policy_that_says_nothing_is_none(declared: dict[str, Any]) -> None:
    assert state(facts({**base("hosted"), "generation": declared})).generation == Generation()


ROLES = [
    {"name": "plain"},
    {
        "name": "teacher",
        "system": "You teach.",
        "frame": "{system}\n\nQ: {user}",
        "answerPrefix": "A:",
        "examples": [{"user": "1+1?", "answer": "2"}],
    },
]


@pytest.mark.parametrize(
    ("active", "locked", "prompt"),
    [
        ("plain", False, Prompt(role="plain", answer_prefix="Assistant:")),
        (
            "teacher",
            True,
            Prompt(
                role="teacher",
                lock_system=True,
                system="You teach.",
                frame="{system}\n\nQ: {user}",
                answer_prefix="A:",
                examples=(Example(user="1+1?", answer="2"),),
            ),
        ),
    ],
    ids=["plain", "teacher"],
)
def test_the_prompt_is_that_of_the_active_role(active: str, locked: bool, prompt: Prompt) -> None:
    declared = {"active": active, "lockSystem": locked, "roles": ROLES}
    assert state(facts({**base("hosted"), "prompt": declared})).prompt == prompt


def test_a_model_that_is_down_keeps_its_access_and_the_words_of_its_condition() -> None:
    down = Down(reason="ImagePullFailed", message="A node could not pull the image.")
    compiled = compile_model(ModelFacts("team-a", "chat", {**base("hosted"), "access": {"from": "All"}}, down))
    assert (compiled.state, compiled.access, compiled.full_name) == (down, Access(everyone=True), "team-a/chat")


@pytest.mark.parametrize(
    ("of_tomorrow", "named"),
    [
        ({"generation": {"tomorrow": 1}}, "tomorrow (Generation)"),
        ({"prompt": {"active": "a", "roles": [{"name": "a", "tone": "kind"}]}}, "roles.0.tone (Prompt)"),
        ({"access": {"from": "Friends"}}, "from (Access)"),
        ({"limits": {"dollars": 5}}, "dollars (CallLimits)"),
        ({"calls": {"onDisconnect": "Wait"}}, "onDisconnect (Calls)"),
    ],
    ids=["generation", "prompt", "access", "limits", "calls"],
)
def test_what_a_newer_operator_accepted_is_not_served_by_halves(of_tomorrow: dict[str, Any], named: str) -> None:
    compiled = compile_model(facts({**base("hosted"), **of_tomorrow}))
    assert isinstance(compiled.state, Down)
    assert compiled.state.reason == "InvalidSpec"
    assert named in compiled.state.message
    assert compiled.access.everyone is False


def test_a_document_has_models_keys_and_the_teams_that_have_limits() -> None:
    one = compile_model(facts(base("hosted")))
    teams = [
        Team.model_validate({"name": "search", "namespaces": ["a"], "limits": {"tokens": 5}}),
        Team(name="free", namespaces=("b",)),
    ]
    version = Version(epoch=1, sequence=1)
    made = compile_document([one], Claims({"f" * 64: key()}, {}), House(teams, gateways=3), version)
    assert made.models == {"team-a/chat": one}
    assert made.keys == {"f" * 64: key()}
    assert made.teams == {"search": Limits(tokens=5)}
    assert (made.gateways, made.version) == (3, version)


def test_a_limit_is_never_shared_among_no_gateways() -> None:
    assert compile_document([], NOBODY, House(gateways=0), Version(epoch=0, sequence=0)).gateways == 1


@pytest.mark.parametrize("name", ["hosted", "external", "vllm", "hub", "bucket", "claim", "packed", "compatible"])
def test_a_model_of_every_source_compiles(name: str) -> None:
    assert state(facts(base(name))).revision == 3


def test_the_order_of_pods_makes_no_other_document() -> None:
    one, other = facts(base("hosted")), ModelFacts(
        "team-a", "chat", base("hosted"), Serving(3, base("hosted"), tuple(reversed(PODS)), SERVICE)
    )  # fmt: skip
    assert compile_model(one) == compile_model(other)


def test_the_key_of_a_provider_shows_in_no_text_of_what_is_compiled_from() -> None:
    given = facts(base("external"), credential=Secret("sk-canary"))
    assert "sk-canary" not in f"{given!r} {compile_model(given)!r}"
