"""A real S3 server, versitygw, with a bucket of its own for each test."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.go_programs import GoProgram
from tests.support.model_server import own_address
from tests.support.waiting import wait_until
from tools.cluster.progress import Progress

_PROGRAM = GoProgram(
    "versitygw",
    Path(__file__).parents[1] / "versitygw",
    ("go.mod", "go.sum", "tools.go"),
    "github.com/versity/versitygw/cmd/versitygw",
)
_REGION = "us-east-1"


@dataclass(frozen=True)
class Bucket:
    """Private: whoever has no key is refused."""

    host: str
    port: int
    name: str
    access: str
    secret: str

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def credential(self) -> dict[str, str]:
        return {"accessKeyId": self.access, "secretAccessKey": self.secret, "hosts": f"{self.host}:{self.port}"}

    def put(self, key: str, data: bytes) -> None:
        self._send("PUT", f"/{self.name}/{quote(key, safe='/-_.~')}", data)

    def make(self) -> None:
        self._send("PUT", f"/{self.name}", b"")

    def _send(self, method: str, path: str, data: bytes) -> None:
        with closing(http.client.HTTPConnection(self.host, self.port, timeout=30)) as connection:
            connection.request(method, path, data, self._signed(method, path, data))
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()

    def _signed(self, method: str, path: str, data: bytes) -> dict[str, str]:
        """By the words of the specification, not by those of the product."""
        now, body = datetime.now(UTC), hashlib.sha256(data).hexdigest()
        time, scope = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}/{_REGION}/s3/aws4_request"
        names = "host;x-amz-content-sha256;x-amz-date"
        own = f"host:{self.host}:{self.port}\nx-amz-content-sha256:{body}\nx-amz-date:{time}\n"
        asked = hashlib.sha256(f"{method}\n{path}\n\n{own}\n{names}\n{body}".encode()).hexdigest()
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        text = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{asked}"
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        words = f"AWS4-HMAC-SHA256 Credential={self.access}/{scope},SignedHeaders={names},Signature={signature}"
        return {"Authorization": words, "x-amz-content-sha256": body, "x-amz-date": time}


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    _PROGRAM.ensure_before_the_first_test(session)


@pytest.fixture(scope="session")
def versitygw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """The running server, as a bucket that nobody has made yet."""
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback, which is never read from")
    with socket.socket() as probe:
        probe.bind((address, 0))
        port = int(probe.getsockname()[1])
    folder = tmp_path_factory.mktemp("versitygw")
    access, secret = secrets.token_hex(10), secrets.token_hex(20)
    environment = {**os.environ, "ROOT_ACCESS_KEY": access, "ROOT_SECRET_KEY": secret}
    program = str(_PROGRAM.ensure(Progress()))
    command = [program, "--port", f"{address}:{port}", "--region", _REGION, "posix", str(folder)]
    with open(folder.with_suffix(".log"), "w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: _answers(address, port), 30, lambda: folder.with_suffix(".log").read_text())
        yield Bucket(address, port, "", access, secret)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def s3_bucket(versitygw: Bucket) -> Bucket:
    made = Bucket(versitygw.host, versitygw.port, f"b-{secrets.token_hex(6)}", versitygw.access, versitygw.secret)
    made.make()
    return made


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True
