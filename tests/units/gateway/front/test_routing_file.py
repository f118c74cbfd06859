"""A routing document in a file, and the gateway's own view of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.errors import UserError
from plimsoll.gateway.errors import ApiError
from plimsoll.gateway.routing_file import RoutingFile, Trouble
from plimsoll.gateway.settings import Auth
from plimsoll.gateway.state import State, routes_of
from plimsoll.routing.document import Document
from plimsoll.routing.encoding import encode
from tests.support.routing_documents import document, model


class Watched:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[Document] = []
        self.troubles: list[str] = []
        self.file = RoutingFile(path, self.heard.append, self.troubles.append)

    def place(self, content: bytes) -> None:
        new = self.path.with_suffix(".new")
        new.write_bytes(content)
        new.replace(self.path)


def _watched(folder: Path) -> Watched:
    path = folder / "routing.json"
    path.write_bytes(encode(document()))
    return Watched(path)


def test_a_changed_file_is_heard_once_whatever_its_version_says(tmp_path: Path) -> None:
    watched = _watched(tmp_path)
    watched.file.look()
    assert not watched.heard
    watched.place(encode(document(model("team-a/chat"))))
    watched.file.look()
    watched.file.look()
    assert [list(heard.models) for heard in watched.heard] == [["team-a/chat"]]
    assert not watched.troubles


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (b'{"message":"document","schema":1', Trouble.DAMAGED),
        (b'{"message":"document","schema":99}', Trouble.TOO_NEW),
        (None, Trouble.MISSING),
    ],
)
def test_what_cannot_be_read_is_told_and_the_next_good_one_is_heard(
    tmp_path: Path, content: bytes | None, trouble: Trouble
) -> None:
    watched = _watched(tmp_path)
    if content is None:
        watched.path.unlink()
    else:
        watched.place(content)
    watched.file.look()
    assert watched.troubles == [trouble]
    assert not watched.heard
    watched.place(encode(document(model("team-a/chat"))))
    watched.file.look()
    assert len(watched.heard) == 1


def test_a_file_that_is_wrong_from_the_beginning_is_told_with_what_to_do(tmp_path: Path) -> None:
    file = RoutingFile(tmp_path / "none.json", lambda _document: None, lambda _trouble: None)
    with pytest.raises(UserError, match=r"none.json cannot be read: No such file") as caught:
        file.first()
    assert "--routing" in caught.value.fix


def test_everybody_who_listens_hears_of_a_document_before_it_is_served() -> None:
    state = State()
    heard: list[tuple[Document, bool]] = []
    state.listen(lambda document: heard.append((document, state.routes is None)))
    before = state.ready
    with pytest.raises(ApiError):
        state.usable()
    routes = routes_of(document(), Auth.REQUIRED)
    state.serve_by(routes)
    assert heard == [(routes.document, True)]
    assert (before, state.ready) == (False, True)
    assert state.usable() is routes
