"""What we use of the client library of Kubernetes: who we are to the API server.

Importing any of it imports nearly all of it, with a second HTTP client and OAuth, which would be a quarter of what
`plimsoll get` takes. So the parts that we never use are loaded when somebody touches them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

_UNUSED = frozenset(
    f"kubernetes.{part}"
    for part in (
        *("config", "dynamic", "watch", "stream", "utils", "leaderelection", "informer"),
        *("aio.dynamic", "aio.watch", "aio.stream", "aio.leaderelection"),
    )
)


class _Later(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in _UNUSED:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


@contextmanager
def _unused_parts_later() -> Iterator[None]:
    finder = _Later()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


with _unused_parts_later():
    from kubernetes.aio import config
    from kubernetes.aio.client import Configuration

__all__ = ["Configuration", "config"]
