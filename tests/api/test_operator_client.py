"""What the operator's writes lean on, held against a real API server: guards, and errors in their words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from plimsoll.cluster import kinds
from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import Conflict, Forbidden, NotFound, Refused
from plimsoll.cluster.kinds import Object
from plimsoll.cluster.login import log_in
from tests.support import objects
from tests.support.kube import Kube
from tests.support.model_configs import model_config
from tests.support.operator_rights import kubeconfig_of
from tools.cluster.cluster import ProcessCluster

Answer = TypeVar("Answer")
_SOMEBODY_ELSE = "452ccd4a-6cad-4372-9fdd-6ad17f4add36"


@pytest.fixture
def ask(cluster: ProcessCluster) -> Callable[..., Any]:
    """Runs a question to a client of the administrator, or of a user without rights."""

    def asked(question: Callable[[Client], Awaitable[Answer]], user: str = "") -> Answer:
        async def main() -> Answer:
            login = await log_in(kubeconfig_of(cluster, user) if user else cluster.kubeconfig)
            async with login.session() as session:
                return await question(Client(session, login.server))

        return asyncio.run(main())

    return asked


def _account(namespace: str, **metadata: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "chat", "namespace": namespace, **metadata},
    }


def test_something_new_is_made_only_where_the_name_is_free(ask: Callable[..., Any], namespace: str) -> None:
    made = ask(lambda client: client.apply(_account(namespace), only_new=True))
    with pytest.raises(Conflict):
        ask(lambda client: client.apply(_account(namespace, labels={"a": "b"}), only_new=True))
    assert ask(lambda client: client.get(kinds.SERVICE_ACCOUNT, namespace, "chat")) == made


def test_a_status_with_a_version_hits_this_very_object_or_nothing(
    ask: Callable[..., Any], kube: Kube, definition: Object, namespace: str
) -> None:
    config = model_config({"source": {"http": {"url": "https://models.example.com/tiny.gguf"}}}, namespace=namespace)
    seen = kube.create(config)["metadata"]
    kube.delete(config)
    kube.create(config)
    status = {"observedGeneration": 1}
    address = {key: seen[key] for key in ("namespace", "name")}
    guarded = {**config, "metadata": {**address, "resourceVersion": seen["resourceVersion"]}, "status": status}
    with pytest.raises(Conflict):
        ask(lambda client: client.apply_status(guarded))
    # The uid would be no guard.
    guarded["metadata"] = {**address, "uid": seen["uid"]}
    assert ask(lambda client: client.apply_status(guarded))["metadata"]["uid"] != seen["uid"]


def test_an_apply_with_a_uid_hits_this_very_object_or_nothing(ask: Callable[..., Any], namespace: str) -> None:
    with pytest.raises(Conflict):
        ask(lambda client: client.apply(_account(namespace, uid=_SOMEBODY_ELSE)))
    made = ask(lambda client: client.apply(_account(namespace), only_new=True))
    with pytest.raises(Conflict):
        ask(lambda client: client.apply(_account(namespace, uid=_SOMEBODY_ELSE)))
    changed = ask(lambda client: client.apply(_account(namespace, uid=made["metadata"]["uid"], labels={"a": "b"})))
    assert changed["metadata"]["labels"] == {"a": "b"}
    (manager,) = changed["metadata"]["managedFields"]
    assert (manager["manager"], manager["operation"]) == ("plimsoll-operator", "Apply")


def test_an_apply_with_an_old_version_is_a_conflict(ask: Callable[..., Any], namespace: str) -> None:
    old = ask(lambda client: client.apply(_account(namespace), only_new=True))["metadata"]
    ask(lambda client: client.apply(_account(namespace, labels={"a": "b"})))
    with pytest.raises(Conflict):
        ask(lambda client: client.apply(_account(namespace, resourceVersion=old["resourceVersion"])))


def test_a_delete_is_of_the_object_that_was_seen(ask: Callable[..., Any], namespace: str) -> None:
    seen = ask(lambda client: client.apply(_account(namespace), only_new=True))["metadata"]
    ask(lambda client: client.apply(_account(namespace, labels={"a": "b"})))
    guard = {"uid": seen["uid"], "resourceVersion": seen["resourceVersion"]}
    with pytest.raises(Conflict):
        ask(lambda client: client.delete(kinds.SERVICE_ACCOUNT, namespace, "chat", guard))
    ask(lambda client: client.delete(kinds.SERVICE_ACCOUNT, namespace, "chat", {"uid": seen["uid"]}))
    with pytest.raises(NotFound):
        ask(lambda client: client.get(kinds.SERVICE_ACCOUNT, namespace, "chat"))


def test_a_missing_right_is_told_by_its_verb(ask: Callable[..., Any], namespace: str) -> None:
    for question, verb in (
        (lambda client: client.get(kinds.SECRET, namespace, "key"), "get"),
        (lambda client: client.list(kinds.POD, namespace), "list"),
        (lambda client: client.apply(_account(namespace)), "patch"),
    ):
        with pytest.raises(Forbidden) as error:
            ask(question, user="stowaway")
        assert error.value.verb == verb


def test_what_the_server_does_not_take_is_refused_in_its_words(
    ask: Callable[..., Any], kube: Kube, namespace: str
) -> None:
    kube.create(objects.service_account(namespace))
    service = {**_account(namespace), "kind": "Service", "spec": {"ports": [{"port": 99999}]}}
    with pytest.raises(Refused, match=r"spec\.ports\[0\]\.port"):
        ask(lambda client: client.apply(service, only_new=True))
    pod = {**_account(namespace), "kind": "Pod", "spec": {"containers": [{"name": "a", "image": "a:1"}]}}
    with pytest.raises(Refused, match="violates PodSecurity"):
        ask(lambda client: client.apply(pod))


def test_a_kind_that_is_not_served_is_not_found(ask: Callable[..., Any]) -> None:
    nothing = kinds.Kind("nothing.plimsoll.dev/v1", "Nothing", "nothings")
    with pytest.raises(NotFound):
        ask(lambda client: client.list(nothing))


def test_a_watch_tells_what_comes_after_a_list(ask: Callable[..., Any], kube: Kube, namespace: str) -> None:
    async def follow(client: Client) -> list[tuple[str, str]]:
        version = [at async for _, at in client.pages(kinds.SERVICE_ACCOUNT, namespace)][-1]
        await client.apply(_account(namespace), only_new=True)
        await client.delete(kinds.SERVICE_ACCOUNT, namespace, "chat")
        told = []
        async for what, about in client.watch(kinds.SERVICE_ACCOUNT, namespace, "", version):
            told.append((what, about["metadata"]["name"]))
            if what == "DELETED":
                break
        return told

    assert ask(follow) == [("ADDED", "chat"), ("DELETED", "chat")]
