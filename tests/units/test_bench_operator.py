"""What the bench of the operator concludes from an audit log and from what it reads back."""

import json
from pathlib import Path

import pytest

from bench.operator.audit_tail import AuditTail, Written
from bench.operator.life import p95
from bench.operator.models import CHILDREN, PARTS, FirstWrites, model
from bench.operator.owned import owned
from plimsoll.api.validate import validate

USER = "system:serviceaccount:plimsoll-system:plimsoll-operator"


def line(user: str = USER, resource: str = "services", code: int = 201, second: str = "01") -> str:
    event = {
        "stage": "ResponseComplete",
        "verb": "patch",
        "requestURI": "/api/v1/namespaces/ours/services/m?fieldManager=plimsoll-operator",
        "user": {"username": user},
        "objectRef": {"resource": resource, "namespace": "ours", "name": "m"},
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": "2026-11-21T09:00:00.000000Z",
        "stageTimestamp": f"2026-11-21T09:00:{second}.500000Z",
    }
    return json.dumps(event, separators=(",", ":")) + "\n"


def test_a_write_of_the_user_counts_from_its_answer(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("")
    tail = AuditTail(tmp_path / "audit", USER)
    (tmp_path / "audit").write_text(line() + line(second="03"))
    first, second = tail.catch_up()
    assert (first.resource, first.namespace, first.name) == ("services", "ours", "m")
    assert second.at - first.at == 2


def test_leases_refusals_and_other_users_are_no_writes_of_the_operator(tmp_path: Path) -> None:
    tail = AuditTail(tmp_path / "audit", USER)
    (tmp_path / "audit").write_text(line(user="admin") + line(resource="leases") + line(code=409))
    assert tail.catch_up() == []


def test_a_line_that_is_not_whole_yet_is_read_when_it_is(tmp_path: Path) -> None:
    tail = AuditTail(tmp_path / "audit", USER)
    (tmp_path / "audit").write_text(line()[:40])
    assert tail.catch_up() == []
    (tmp_path / "audit").write_text(line())
    assert len(tail.catch_up()) == 1
    assert tail.catch_up() == []


def test_what_was_written_before_it_was_opened_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text(line())
    tail = AuditTail(tmp_path / "audit", USER)
    assert tail.catch_up() == []


def written(resource: str, name: str, at: float, namespace: str = "ours") -> Written:
    return Written("patch", resource, namespace, name, at)


def parts_of(name: str, at: float) -> list[Written]:
    ending = {"deployments": "-0123456789", "controllerrevisions": "-r1"}
    return [written(resource, name + ending.get(resource, ""), at) for resource in sorted(PARTS)]


def test_a_model_is_complete_with_all_its_children_and_a_status() -> None:
    firsts = FirstWrites("ours", ["a-b"])
    assert not firsts.take(parts_of("a-b", 5)[1:])
    assert firsts.missing() == f"1 objects were not written: a-b lacks {min(PARTS)}"
    assert firsts.take(parts_of("a-b", 7))
    assert firsts.last() == 7


def test_only_the_first_write_of_each_part_counts() -> None:
    firsts = FirstWrites("ours", ["a"], CHILDREN)
    firsts.take(parts_of("a", 5))
    firsts.take(parts_of("a", 9))
    assert firsts.waits({"a": 2}) == [3]


@pytest.mark.parametrize("other", [written("services", "b", 1), written("services", "a", 1, "peers")])
def test_other_models_and_other_namespaces_do_not_count(other: Written) -> None:
    firsts = FirstWrites("ours", ["a"])
    firsts.take([other])
    assert firsts.first == {"a": {}}


def test_the_models_of_the_bench_are_valid() -> None:
    assert validate(model("ours", "model-0001", "http://203.0.113.1:8000/model.gguf")) == []


def entry(fields: dict[str, object], manager: str = "plimsoll-operator", **more: str) -> dict[str, object]:
    return {"manager": manager, "fieldsV1": fields, **more}


def test_what_a_manager_wrote_is_its_fields_and_no_default_of_the_server() -> None:
    found = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "a",
            "namespace": "ours",
            "uid": "1",
            "labels": {"ours": "yes", "theirs": "yes"},
            "managedFields": [
                entry({"f:metadata": {"f:annotations": {}}}, manager="somebody"),
                entry(
                    {
                        "f:metadata": {"f:labels": {"f:ours": {}}},
                        "f:spec": {
                            "f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:name": {}}},
                            "f:selector": {},
                            "f:finalizers": {'v:"x"': {}},
                        },
                    }
                ),
            ],
        },
        "spec": {
            "clusterIP": "10.0.0.1",
            "ports": [{"port": 80, "protocol": "TCP", "name": "http"}, {"port": 90, "protocol": "TCP"}],
            "selector": {"app": "a"},
            "finalizers": ["w", "x"],
        },
    }
    assert owned(found, "plimsoll-operator") == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "namespace": "ours", "labels": {"ours": "yes"}},
        "spec": {"ports": [{"port": 80, "name": "http"}], "selector": {"app": "a"}, "finalizers": ["x"]},
    }


def test_a_status_is_told_apart_from_the_object() -> None:
    found = {
        "apiVersion": "plimsoll.dev/v1alpha1",
        "kind": "ModelConfig",
        "metadata": {
            "name": "a",
            "namespace": "ours",
            "managedFields": [entry({"f:status": {"f:url": {}}}, subresource="status")],
        },
        "status": {"url": "http://a"},
    }
    assert owned(found, "plimsoll-operator") is None
    status = owned(found, "plimsoll-operator", "status")
    assert status is not None
    assert status["status"] == {"url": "http://a"}


def test_the_slow_end_is_the_twentieth_part() -> None:
    assert p95([float(number) for number in range(101)]) == 95
