"""A small typed door to an API server; the only test module that imports the kubernetes package."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes import client, config, dynamic, stream
from kubernetes.dynamic import exceptions

from tests.support.waiting import wait_until

Object = dict[str, Any]

# The package keeps what it discovered in a shared temporary file that outlives the cluster; below a device it cannot.
_NO_CACHE = os.devnull + "/discovery"


class RefusedError(Exception):
    """The API server said no."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except exceptions.DynamicApiError as error:
        raise RefusedError(error.status, *_reason(error.body, error.reason)) from None


def _reason(body: bytes | str | None, fallback: str) -> tuple[str, str]:
    text = body.decode() if isinstance(body, bytes) else body or ""
    try:
        told = json.loads(text)
    except ValueError:
        return fallback, text
    return told.get("reason") or fallback, told.get("message", text)


class Kube:
    """The API server as one user sees it."""

    def __init__(self, kubeconfig: Path, user: str | None = None) -> None:
        self._kubeconfig = kubeconfig
        self._client = config.new_client_from_config(  # type: ignore[no-untyped-call]
            str(kubeconfig), persist_config=False
        )
        if user is not None:
            self._client.set_default_header("Impersonate-User", user)
        with _refusals():
            self._api = dynamic.DynamicClient(self._client, cache_file=_NO_CACHE)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        self._client.close()

    def acting_as(self, user: str) -> Kube:
        return Kube(self._kubeconfig, user)

    def create(self, wanted: Object, manager: str = "plimsoll-tests") -> Object:
        return self._send("create", wanted, field_manager=manager)

    def try_create(self, wanted: Object) -> Object:
        """What the API server would store, without storing it; a field that it does not know is refused."""
        with _refusals():
            resource = self._resource(wanted)
            path = resource.path(namespace=wanted["metadata"].get("namespace"))
            answer: Object = self._api.request(
                "post", path, body=wanted, query_params=[("dryRun", "All"), ("fieldValidation", "Strict")]
            ).to_dict()
        return answer

    def refusal(self, wanted: Object) -> str | None:
        """Why the API server would not store this object; None when it would."""
        try:
            self.try_create(wanted)
        except RefusedError as error:
            if error.status in (400, 422):
                return error.message
            raise
        return None

    def replace(self, wanted: Object, subresource: str | None = None) -> Object:
        if subresource is None:
            return self._send("replace", wanted)
        with _refusals():
            door = self._resource(wanted).subresources[subresource]
            answer: Object = door.replace(body=wanted, **_address(wanted)).to_dict()
        return answer

    def apply(self, wanted: Object, manager: str, force: bool = False) -> Object:
        """Server-side apply."""
        return self._send("server_side_apply", wanted, field_manager=manager, force_conflicts=force)

    def merge(self, target: Object, change: Object, subresource: str | None = None) -> Object:
        """A JSON merge patch of the object that `target` names."""
        body = {**change, "apiVersion": target["apiVersion"], "kind": target["kind"]}
        with _refusals():
            resource = self._resource(target)
            door = resource.subresources[subresource] if subresource else resource
            answer: Object = door.patch(
                body=body, content_type="application/merge-patch+json", **_address(target)
            ).to_dict()
        return answer

    def read(self, target: Object) -> Object:
        with _refusals():
            found: Object = self._resource(target).get(**_address(target)).to_dict()
        return found

    def find(self, target: Object) -> Object | None:
        """Like read, but None when there is no such object."""
        try:
            return self.read(target)
        except RefusedError as refusal:
            if refusal.status == 404:
                return None
            raise

    def kinds_in_namespaces(self) -> list[tuple[str, str]]:
        """API version and kind of all that lives in namespaces and can be listed, each once."""
        with _refusals():
            self._api.resources.invalidate_cache()
            found = [
                each
                for each in self._api.resources.search(preferred=True)
                if each.namespaced and "list" in (each.verbs or []) and not each.kind.endswith("List")
            ]
        # Events are served by two groups.
        by_kind = {each.kind: (each.group_version, each.kind) for each in found}
        return sorted(by_kind.values())

    def list(
        self, api_version: str, kind: str, namespace: str | None = None, labels: str | None = None
    ) -> list[Object]:
        with _refusals():
            resource = self._api.resources.get(api_version=api_version, kind=kind)
            found: list[Object] = resource.get(namespace=namespace, label_selector=labels).to_dict()["items"]
        return found

    def delete(self, target: Object, propagation: str = "Background") -> None:
        with _refusals():
            self._resource(target).delete(**_address(target), propagation_policy=propagation)

    def serves(self, api_version: str, kind: str) -> bool:
        try:
            self._api.resources.get(api_version=api_version, kind=kind)
        except exceptions.ResourceNotFoundError:
            return False
        return True

    def wait(self, target: Object, condition: Callable[[Object], bool], seconds: float, what: str) -> Object:
        """The object once the condition holds for it; the message shows its last status."""
        seen: list[Object | None] = [None]

        def holds() -> Object | None:
            seen[0] = found = self.find(target)
            return found if found is not None and condition(found) else None

        found = wait_until(holds, seconds, lambda: f"{what}; last seen: {_status(seen[0])}")
        assert found is not None
        return found

    def wait_gone(self, target: Object, seconds: float) -> None:
        name = f"{target['kind']} {target['metadata']['name']}"
        wait_until(lambda: self.find(target) is None, seconds, lambda: f"{name} gone: {_status(self.find(target))}")

    def forward(self, pod: Object, port: int) -> socket.socket:
        """A connection to a port of the pod, through the API server."""
        core = client.CoreV1Api(client.ApiClient(self._client.configuration))
        tunnel = stream.portforward(
            core.connect_get_namespaced_pod_portforward,
            pod["metadata"]["name"],
            pod["metadata"]["namespace"],
            ports=str(port),
        )
        connection: socket.socket = tunnel.socket(port)
        return connection

    def _send(self, verb: str, wanted: Object, **options: object) -> Object:
        with _refusals():
            resource = self._resource(wanted)
            namespace = wanted["metadata"].get("namespace")
            answer: Object = getattr(resource, verb)(body=wanted, namespace=namespace, **options).to_dict()
        return answer

    def _resource(self, target: Object) -> Any:
        return self._api.resources.get(api_version=target["apiVersion"], kind=target["kind"])


def _address(target: Object) -> dict[str, str | None]:
    return {"name": target["metadata"]["name"], "namespace": target["metadata"].get("namespace")}


def _status(found: Object | None) -> str:
    if found is None:
        return "there is no such object"
    return json.dumps(found.get("status", found["metadata"]), default=str)
