"""A repository as the hub's HTTP API shows it: commits, trees with hashes, small files in git, large ones elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.support.model_server import Asked, Content, Reply, Route, redirect, served, with_headers

if TYPE_CHECKING:
    from tests.support.model_server import ModelServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_LARGE = (".gguf", ".safetensors", ".bin")
# Nobody compares the hash of a file of many gigabytes of zeros.
_MOST_HASHED = 64 << 20


class Hub:
    """`behind` is the server that has the large files; without one the hub itself has them, at another address."""

    def __init__(
        self,
        server: ModelServer,
        repository: str,
        files: Mapping[str, Content],
        *,
        token: str | None,
        behind: ModelServer,
    ) -> None:
        self._server, self._behind = server, behind
        self._repository, self._files, self._token = repository, files, token

    def add(self) -> None:
        routes, api = self._server.routes, f"/api/models/{self._repository}"
        about = self._guarded(_json({"id": self._repository, "sha": COMMIT, "siblings": []}))
        for path in (api, f"{api}/revision/main", f"{api}/revision/{COMMIT}"):
            routes[path] = about
        for folder in ("", *_folders(self._files)):
            routes[f"{api}/tree/{COMMIT}/{folder}".rstrip("/")] = self._guarded(self._tree(folder))
        for path, content in self._files.items():
            for revision in (COMMIT, "main"):
                routes[f"/{self._repository}/resolve/{revision}/{path}"] = self._guarded(self._file(path, content))

    def _file(self, path: str, content: Content) -> Route:
        told = {"X_Repo_Commit": COMMIT}
        if not path.endswith(_LARGE):
            return with_headers(served(content, etag=f'"{git_hash(content)}"'), **told)
        where = f"/cdn/{self._repository}/{path}"
        self._behind.routes[where] = served(content, etag=f'"{path}"')
        linked = {"X_Linked_Size": str(content.size), "X_Linked_Etag": f'"{sha256(content)}"'}
        return with_headers(redirect(f"{self._behind.base}{quote(where)}"), **told, **linked)

    def _tree(self, folder: str) -> Route:
        def answer(asked: Asked) -> Reply:
            inside = [path for path in self._files if path.startswith(f"{folder}/" if folder else "")]
            deep = "recursive=true" in asked.query.lower()
            shown = [path for path in inside if deep or "/" not in path[len(folder) :].lstrip("/")]
            folders = [{"type": "directory", "path": name, "size": 0, "oid": "0" * 40} for name in _folders(inside)]
            return _json([*(self._entry(path) for path in shown), *folders])(asked)

        return answer

    def _entry(self, path: str) -> dict[str, Any]:
        content = self._files[path]
        entry = {"type": "file", "path": path, "size": content.size, "oid": git_hash(content)}
        if not path.endswith(_LARGE):
            return entry
        return entry | {"lfs": {"oid": sha256(content), "size": content.size, "pointerSize": 134}}

    def _guarded(self, route: Route) -> Route:
        def answer(asked: Asked) -> Reply:
            if self._token and asked.headers.get("authorization") != f"Bearer {self._token}":
                return Reply.text(b"{}", 401, X_Error_Code="RepoNotFound")
            return route(asked)

        return answer


def _folders(paths: Mapping[str, Content] | list[str]) -> list[str]:
    return sorted({path.rpartition("/")[0] for path in paths} - {""})


@cache
def sha256(content: Content) -> str:
    digest = hashlib.sha256()
    for part in _hashed(content):
        digest.update(part)
    return digest.hexdigest()


@cache
def git_hash(content: Content) -> str:
    digest = hashlib.sha1(f"blob {content.size}\0".encode(), usedforsecurity=False)
    for part in _hashed(content):
        digest.update(part)
    return digest.hexdigest()


def _hashed(content: Content) -> Iterator[bytes]:
    return content.chunks() if content.size <= _MOST_HASHED else iter((content.data,))


def _json(value: object) -> Route:
    return lambda _: Reply.text(json.dumps(value).encode(), Content_Type="application/json")
