"""The audit log answers which writes one user made."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.support.audit import Audit
from tests.support.kube import Kube, RefusedError
from tests.support.objects import config_map
from tests.support.rights import grant


def test_the_audit_log_tells_exactly_the_writes_of_one_user(kube: Kube, namespace: str, audit: Audit) -> None:
    chart = config_map(namespace, "chart")
    grant(kube, namespace, "mate", ["create", "get", "patch", "delete"], "configmaps")
    kube.create(config_map(namespace, "not-the-mates"))
    with closing(kube.acting_as("mate")) as mate:
        mate.create(chart, manager="mates-own-hand")
        mate.read(chart)
        mate.merge(chart, {"data": {"sea": "north"}})
        mate.delete(chart)
    written = [(write.verb, write.resource, write.name) for write in audit.writes(user="mate")]
    assert written == [
        ("create", "configmaps", "chart"),
        ("patch", "configmaps", "chart"),
        ("delete", "configmaps", "chart"),
    ]
    assert audit.writes(user="mate")[0].manager == "mates-own-hand"


def test_a_refused_write_is_an_attempt_and_not_a_write(kube: Kube, namespace: str, audit: Audit) -> None:
    with closing(kube.acting_as("stowaway")) as stowaway, pytest.raises(RefusedError):
        stowaway.create(config_map(namespace, "chart"))
    assert audit.writes(user="stowaway") == []
    assert [attempt.code for attempt in audit.attempts(user="stowaway")] == [403]


def test_the_audit_log_begins_with_the_test(kube: Kube, namespace: str, audit: Audit) -> None:
    kube.create(config_map(namespace, "before"))
    later = Audit(audit.log, kube)
    kube.create(config_map(namespace, "after"))
    assert [write.name for write in later.writes(namespace=namespace)] == ["after"]


def test_the_verbs_that_a_user_has_used_are_told_by_group_and_resource(
    kube: Kube, namespace: str, audit: Audit
) -> None:
    grant(kube, namespace, "bosun", ["create", "get", "list"], "configmaps")
    with closing(kube.acting_as("bosun")) as bosun:
        bosun.create(config_map(namespace, "chart"), manager="bosuns-own-hand")
        bosun.list("v1", "ConfigMap", namespace)
    assert audit.verbs("bosun") == {("", "configmaps", "create"), ("", "configmaps", "list")}
    assert audit.managers(namespace)["bosuns-own-hand"] == {"configmaps"}
