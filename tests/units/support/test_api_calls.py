"""The address of a request tells what it is about, and whether it wants to change something."""

from __future__ import annotations

import pytest

from tests.support.api_calls import parse, the_write, watches_of, write_but_no_lease, writes_of


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/api/v1/namespaces/sea/pods/whale", ("", "pods", "sea", "whale")),
        ("/api/v1/namespaces/sea/pods/whale/status", ("", "pods/status", "sea", "whale")),
        ("/api/v1/namespaces/sea/pods", ("", "pods", "sea", "")),
        ("/api/v1/pods", ("", "pods", "", "")),
        ("/api/v1/namespaces/sea", ("", "namespaces", "", "sea")),
        ("/api/v1/namespaces/sea/status", ("", "namespaces/status", "", "sea")),
        ("/api/v1/namespaces", ("", "namespaces", "", "")),
        ("/apis/apps/v1/namespaces/sea/deployments/whale", ("apps", "deployments", "sea", "whale")),
        ("/apis/plimsoll.dev/v1alpha1/modelconfigs", ("plimsoll.dev", "modelconfigs", "", "")),
        ("/apis/apps/v1", ("apps", "", "", "")),
        ("/version", ("", "", "", "")),
    ],
)
def test_an_address_tells_group_resource_namespace_and_name(path: str, told: tuple[str, str, str, str]) -> None:
    call = parse("GET", path, {})
    assert (call.group, call.resource, call.namespace, call.name) == told


def test_the_name_of_a_created_object_comes_from_its_body() -> None:
    body = b'{"metadata": {"name": "whale"}}'
    assert parse("POST", "/api/v1/namespaces/sea/pods", {}, body=body).name == "whale"
    assert parse("POST", "/api/v1/namespaces/sea/events", {}, body=b'{"metadata": {"generateName": "w-"}}').name == "w-"
    assert parse("POST", "/api/v1/namespaces/sea/pods", {}, body=b"no json").name == ""


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_method_that_changes_something_is_a_write(method: str) -> None:
    assert parse(method, "/api/v1/namespaces/sea/pods/whale", {}).writing
    assert not parse("GET", "/api/v1/namespaces/sea/pods/whale", {}).writing


def test_a_dry_run_and_a_review_are_no_writes() -> None:
    assert not parse("POST", "/api/v1/namespaces/sea/pods", {"dryRun": "All"}).writing
    assert not parse("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {}).writing


def test_a_lease_is_a_write_that_does_not_count() -> None:
    lease = parse("PUT", "/apis/coordination.k8s.io/v1/namespaces/sea/leases/operator", {})
    assert lease.writing
    assert not write_but_no_lease(lease)


@pytest.mark.parametrize(("value", "watching"), [("1", True), ("true", True), ("false", False), ("0", False)])
def test_only_a_read_with_watch_is_a_watch(value: str, watching: bool) -> None:
    assert parse("GET", "/api/v1/pods", {"watch": value}).watching is watching


def test_calls_are_chosen_by_number_resource_and_namespace() -> None:
    call = parse("PATCH", "/apis/apps/v1/namespaces/sea/deployments/whale", {"fieldManager": "me"})
    assert call.manager == "me"
    assert writes_of()(call)
    assert writes_of("deployments", "sea")(call)
    assert not writes_of("services")(call)
    assert not writes_of(namespace="lake")(call)
    assert not the_write(1)(call)
    assert not watches_of()(call)
