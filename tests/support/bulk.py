"""ModelConfigs by the thousand: valid, small, and all with the same weights, so that only their number matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.kube import Kube
from tests.support.model_configs import Object, model_config

_AT_ONCE = 8


def bulk(count: int, namespace: str, url: str = "https://models.example.com/tiny.gguf", first: int = 0) -> list[Object]:
    """Numbered from `first`, so that more can be added later. Nobody downloads the weights, and few nodes hold all."""
    source: Object = {"http": {"url": url}}
    if url.startswith("http:"):
        # Without TLS only weights with a checksum are taken.
        source["sha256"] = "0" * 64
    spec: Object = {"source": source, "resources": {"requests": {"cpu": "10m"}}}
    numbers = range(first, first + count)
    return [model_config(spec, name=f"model-{number:05}", namespace=namespace) for number in numbers]


def create_all(kubeconfig: Path, wanted: Sequence[Object]) -> None:
    """Several at a time, each hand with a connection of its own."""
    with ThreadPoolExecutor(_AT_ONCE) as hands:
        list(hands.map(lambda share: _create(kubeconfig, share), _shares(wanted)))


def _shares(wanted: Sequence[Object]) -> Iterator[Sequence[Object]]:
    return (wanted[hand::_AT_ONCE] for hand in range(_AT_ONCE))


def _create(kubeconfig: Path, share: Sequence[Object]) -> None:
    kube = Kube(kubeconfig)
    try:
        for each in share:
            kube.create(each)
    finally:
        kube.close()
