"""Sources are asked in the background, answers that come at once are used at once. Time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from plimsoll.api.configuration import Images, OperatorConfiguration
from plimsoll.api.configuration import Sources as AllowedSources
from plimsoll.api.reasons import Reason
from plimsoll.api.termination import EXIT_CODES, encode
from plimsoll.controller.background import Background
from plimsoll.controller.sources import Sources, from_pod
from plimsoll.plan.finding import Finding
from plimsoll.plan.gguf import Header, parse
from plimsoll.plan.inspecting import inspect_name
from plimsoll.plan.observed import Key, Object, SourceFacts, SourcePending
from plimsoll.plan.sizing_model import model_of
from plimsoll.plan.sizing_report import report
from plimsoll.weights.reading import SourceRequest
from plimsoll.weights.trouble import SourceTrouble
from tests.support.gguf_models import small
from tests.support.virtual_time import run

_FACTS = SourceFacts("etag:1", ())
_CONFIGURATION = OperatorConfiguration(
    images=Images(plimsoll="p:1"), sources=AllowedSources(private_networks=("10.0.0.0/8",))
)


def _config(url: str = "https://models.example.com/a.gguf", **source: Any) -> Object:
    return {"metadata": {"name": "chat", "namespace": "team"}, "spec": {"source": source or {"http": {"url": url}}}}


class _Reader:
    """Answers after so many seconds, by script; the last answer counts for ever."""

    def __init__(self, *answers: tuple[float, SourceFacts | SourceTrouble]) -> None:
        self.answers = list(answers)
        self.asked: list[SourceRequest] = []

    async def read_source(self, request: SourceRequest) -> SourceFacts:
        self.asked.append(request)
        seconds, answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await asyncio.sleep(seconds)
        if isinstance(answer, SourceTrouble):
            raise answer
        return answer


def _play(reader: _Reader, scene: Callable[[Sources], Coroutine[Any, Any, None]]) -> list[Key]:
    ready: list[Key] = []

    async def main() -> None:
        background = Background()
        await scene(Sources(reader, background, ready.append))
        await background.close()

    run(main())
    return ready


def test_an_answer_that_comes_at_once_is_used_at_once_and_wakes_nobody() -> None:
    async def scene(sources: Sources) -> None:
        assert await sources.lookup(_config(), {"token": "t"}, _CONFIGURATION) == _FACTS

    reader = _Reader((0.1, _FACTS))
    assert _play(reader, scene) == []
    assert reader.asked[0].private_networks == ("10.0.0.0/8",)
    assert reader.asked[0].credential == {"token": "t"}


def test_a_slow_source_is_pending_and_its_model_is_woken() -> None:
    async def scene(sources: Sources) -> None:
        assert isinstance(await sources.lookup(_config(), None, _CONFIGURATION), SourcePending)
        await asyncio.sleep(30)
        assert await sources.lookup(_config(), None, _CONFIGURATION) == _FACTS

    reader = _Reader((20, _FACTS))
    assert _play(reader, scene) == [Key("team", "chat")]
    assert len(reader.asked) == 1


def test_a_failure_is_told_and_asked_about_later_each_time() -> None:
    async def scene(sources: Sources) -> None:
        pauses = []
        for _ in range(7):
            found = await sources.lookup(_config(), None, _CONFIGURATION)
            assert isinstance(found, Finding)
            assert found.reason is Reason.SOURCE_UNREACHABLE
            pause = sources.again_in(Key("team", "chat"))
            assert pause is not None
            pauses.append(round(pause))
            await asyncio.sleep(pause)
        assert pauses == [10, 20, 40, 80, 160, 300, 300]

    _play(_Reader((0, SourceTrouble(Reason.SOURCE_UNREACHABLE, "no answer"))), scene)


def test_a_failure_is_not_asked_about_before_its_time() -> None:
    async def scene(sources: Sources) -> None:
        for _ in range(5):
            await sources.lookup(_config(), None, _CONFIGURATION)
            await asyncio.sleep(1)

    reader = _Reader((0, SourceTrouble(Reason.SOURCE_UNREACHABLE, "no answer")))
    _play(reader, scene)
    assert len(reader.asked) == 1


def test_another_source_is_another_question() -> None:
    async def scene(sources: Sources) -> None:
        await sources.lookup(_config(), None, _CONFIGURATION)
        other = _config("https://models.example.com/b.gguf")
        assert await sources.lookup(other, None, _CONFIGURATION) == _FACTS

    reader = _Reader((50, SourceTrouble(Reason.SOURCE_UNREACHABLE, "never heard")), (0, _FACTS))
    assert _play(reader, scene) == []
    assert len(reader.asked) == 2


def test_nodes_of_the_cluster_are_never_opened() -> None:
    async def scene(sources: Sources) -> None:
        sources.nodes.add("10.0.0.9")
        await sources.lookup(_config(), None, _CONFIGURATION)

    reader = _Reader((0, _FACTS))
    _play(reader, scene)
    assert reader.asked[0].refused_networks == ("10.0.0.9",)


def _on_claim(**spec: Any) -> Object:
    found = _config(pvc={"claimName": "weights", "path": "a.gguf"})
    return {**found, "spec": {**found["spec"], **spec}}


def _pod(state: Object, **more: Any) -> Object:
    labels = {"batch.kubernetes.io/job-name": inspect_name(_on_claim())}
    status = {"phase": "Running", "containerStatuses": [{"name": "fetch", "state": state}]}
    metadata = {"name": "p", "labels": labels, "uid": "u", "creationTimestamp": "2026-11-21T00:00:00Z", **more}
    return {"metadata": metadata, "status": status, "spec": {"nodeName": "node-1"}}


def _ended(message: str, code: int = 0, **more: Any) -> Object:
    return _pod({"terminated": {"message": message, "exitCode": code}}, **more)


def test_what_lies_on_a_claim_is_told_by_the_last_words_of_a_job() -> None:
    made = small()
    header = parse(made.data, made.file_size)
    assert isinstance(header, Header)
    found = from_pod(_on_claim(), [_ended(report(model_of(header)))])
    assert isinstance(found, SourceFacts)
    assert found.identity == "path:a.gguf"
    assert found.model == model_of(header)


def test_what_lies_in_an_image_is_identified_by_its_digest() -> None:
    config = _config(oci={"image": "example.com/tiny@sha256:9f86", "path": "a.gguf"})
    header = parse(small().data, small().file_size)
    assert isinstance(header, Header)
    pod = _ended(report(model_of(header)), labels={"batch.kubernetes.io/job-name": inspect_name(config)})
    found = from_pod(config, [pod])
    assert isinstance(found, SourceFacts)
    assert found.identity == "image:sha256:9f86"


def test_a_job_that_has_not_ended_is_waited_for() -> None:
    assert isinstance(from_pod(_on_claim(), []), SourcePending)
    assert isinstance(from_pod(_on_claim(), [_pod({"running": {}})]), SourcePending)


def test_a_job_that_failed_says_why_in_the_words_of_the_contract() -> None:
    words = encode(Reason.SOURCE_NOT_FOUND, "the volume has no file /models/a.gguf")
    found = from_pod(_on_claim(), [_ended(words, EXIT_CODES[Reason.SOURCE_NOT_FOUND])])
    assert found == Finding(Reason.SOURCE_NOT_FOUND, "the volume has no file /models/a.gguf")


def test_of_several_tries_the_last_one_counts() -> None:
    tries = [
        _pod({"running": {}}, creationTimestamp="2026-11-21T00:02:00Z"),
        _ended("broken", 1, creationTimestamp="2026-11-21T00:01:00Z"),
    ]
    assert isinstance(from_pod(_on_claim(), tries), SourcePending)


@pytest.mark.parametrize("words", ["", "{}", "no report", "[" * 4000])
def test_words_that_are_no_report_are_no_model(words: str) -> None:
    found = from_pod(_on_claim(), [_ended(words)])
    assert isinstance(found, Finding)
    assert found.reason is Reason.NOT_A_MODEL


def test_pods_of_another_job_say_nothing() -> None:
    other = _ended("{}", labels={"batch.kubernetes.io/job-name": "another"})
    assert isinstance(from_pod(_on_claim(), [other]), SourcePending)


def test_vllm_sizes_a_folder_by_itself() -> None:
    found = from_pod(_on_claim(engine={"name": "vllm"}), [])
    assert isinstance(found, SourceFacts)
    assert found.model is None
