"""`plimsoll connect`: every connection here arrives at a gateway that is ready, or ends."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from plimsoll.cli import carrying_calls
from plimsoll.cli.exits import ClusterTrouble
from plimsoll.cli.forwarding import Through, forwarded
from tests.support.command import Command
from tests.support.forwarding_server import REFUSED, ForwardingServer, Pod
from tests.support.waiting import wait_until

PLIMSOLL = Path(sys.executable).parent / "plimsoll"
SECONDS = 60


class _Echo(BaseHTTPRequestHandler):
    """Says what it was told, and who it is."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Who", str(self.connection.getsockname()[1]))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Gateway(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    @property
    def pod(self) -> Pod:
        return Pod(self.server_address[1])


@pytest.fixture
def gateways() -> Iterator[list[Gateway]]:
    started = [Gateway(("127.0.0.1", 0), _Echo) for _ in range(2)]
    for each in started:
        threading.Thread(target=each.serve_forever, args=(0.05,), daemon=True).start()
    yield started
    for each in started:
        each.shutdown()
        each.server_close()


@pytest.fixture
def server(tmp_path: Path, gateways: list[Gateway]) -> Iterator[ForwardingServer]:
    with ForwardingServer(tmp_path) as server:
        server.pods = {"gateway-a": gateways[0].pod, "gateway-b": gateways[1].pod}
        yield server


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying_calls, "_PAUSE_SECONDS", 0.01)


@contextmanager
def carried(server: ForwardingServer) -> Iterator[int]:
    with forwarded(Through(kubeconfig=server.kubeconfig)) as port:
        yield port


def echoed(port: int, text: bytes = b"ahoy") -> int:
    """Who has said it back."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        return said_back(connection, text)


def said_back(connection: http.client.HTTPConnection, text: bytes) -> int:
    connection.request("POST", "/v1", text)
    answer = connection.getresponse()
    assert answer.read() == text
    return int(answer.headers["Who"])


def test_bytes_arrive_whole_in_both_directions(server: ForwardingServer) -> None:
    with carried(server) as port:
        echoed(port, os.urandom(3_000_000))
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
            for number in range(20):
                said_back(connection, b"%d" % number)
    assert server.asked == ["gateway-a"] * 2


def test_many_connections_at_once_are_kept_apart(server: ForwardingServer) -> None:
    with carried(server) as port, ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda number: echoed(port, b"%d" % number * 5000), range(64)))
    assert len(server.asked) == 64


@pytest.mark.parametrize(
    "away",
    [Pod(trouble=REFUSED), Pod(status=404), Pod(status=500), Pod(ready=False)],
    ids=["nobody listens", "gone", "node away", "not ready"],
)
def test_another_gateway_takes_over_and_hears_what_the_first_did_not(
    server: ForwardingServer, gateways: list[Gateway], away: Pod
) -> None:
    with carried(server) as port:
        first, second = (each.server_address[1] for each in gateways)
        assert echoed(port) == first
        server.pods["gateway-a"] = away
        assert {echoed(port, b"again" * 50_000) for _ in range(3)} == {second}
    # It is not asked by every connection: one failure is enough.
    assert server.asked[1:].count("gateway-a") <= 1


def test_a_gateway_that_may_have_heard_it_is_not_asked_by_way_of_another(server: ForwardingServer) -> None:
    server.pods["gateway-a"] = Pod(trouble="error copying: connection reset by peer")
    with carried(server) as port, pytest.raises((ConnectionError, http.client.HTTPException)):
        echoed(port)
    assert server.asked == ["gateway-a"]


def test_while_none_is_ready_a_connection_waits(server: ForwardingServer, capfd: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []

    def says_so() -> bool:
        said.append(capfd.readouterr().err)
        return "no gateway is ready now; waiting for one" in "".join(said)

    with carried(server) as port, ThreadPoolExecutor(1) as pool:
        pods, server.pods = server.pods, {}
        waiting = pool.submit(echoed, port)
        wait_until(says_so, SECONDS, "it says that it waits")
        server.pods = pods
        assert waiting.result(SECONDS)


def test_a_connection_that_no_gateway_takes_ends(server: ForwardingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying_calls, "_PATIENCE_SECONDS", 0.2)
    with carried(server) as port:
        server.pods = {"gateway-a": Pod(trouble=REFUSED)}
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            echoed(port)


def test_a_caller_that_leaves_is_gone_for_the_gateway_too(server: ForwardingServer) -> None:
    with carried(server) as port:
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.sendall(b"POST /v1 HTTP/1.1\r\n")
            wait_until(lambda: server.open == 1, SECONDS, "the connection is carried")
        wait_until(lambda: server.open == 0, SECONDS, "the connection has ended")


def test_what_is_under_way_ends_with_the_verb(server: ForwardingServer) -> None:
    with carried(server) as port:
        caller = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        caller.sendall(b"POST /v1 HTTP/1.1\r\n")
        wait_until(lambda: server.open == 1, SECONDS, "the connection is carried")
    with caller:
        assert caller.recv(1) == b""
    wait_until(lambda: server.open == 0, SECONDS, "the connection has ended")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_what_still_waits_for_a_gateway_ends_with_the_verb(
    server: ForwardingServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(carrying_calls, "_PAUSE_SECONDS", SECONDS)
    with carried(server) as port:
        server.pods = {}
        caller = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        wait_until(lambda: "waiting for one" in capfd.readouterr().err, SECONDS, "it says that it waits")
    with caller, suppress(ConnectionResetError):
        assert caller.recv(1) == b""


def test_without_a_gateway_the_fix_is_told(plimsoll: Command, server: ForwardingServer) -> None:
    server.installed = False
    answered = plimsoll("connect", "--kubeconfig", server.kubeconfig)
    assert (answered.code, answered.output) == (3, "")
    assert "there is no gateway in namespace plimsoll-system" in answered.errors
    assert "--namespace-of-gateway" in answered.errors


def test_gateways_that_are_not_ready_are_named_with_their_state(plimsoll: Command, server: ForwardingServer) -> None:
    server.pods = {"gateway-a": Pod(ready=False)}
    answered = plimsoll("connect", "--kubeconfig", server.kubeconfig)
    assert answered.code == 6
    assert "gateway-a is crashloopbackoff" in answered.errors
    server.pods = {}
    assert "it has no pods" in plimsoll("connect", "--kubeconfig", server.kubeconfig).errors


def test_a_right_that_is_missing_is_named(server: ForwardingServer, capfd: pytest.CaptureFixture[str]) -> None:
    server.pods = {"gateway-a": Pod(status=403)}
    with carried(server) as port, pytest.raises((ConnectionError, http.client.HTTPException)):
        echoed(port)
    assert "you may not forward ports of pods in namespace plimsoll-system" in capfd.readouterr().err


def test_a_port_that_is_taken_is_named(plimsoll: Command, server: ForwardingServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answered = plimsoll("connect", "--kubeconfig", server.kubeconfig, "--port", port)
    assert answered.code == 2
    assert f"port {port} of this machine cannot be used" in answered.errors


def test_a_cluster_that_is_away_is_told_in_words(tmp_path: Path) -> None:
    with ForwardingServer(tmp_path) as gone:
        pass
    with pytest.raises(ClusterTrouble, match="does not answer"), carried(gone):
        pass


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_it_says_the_url_and_stays_until_it_is_asked_to_end(server: ForwardingServer, asked: signal.Signals) -> None:
    environment = {**os.environ, "KUBECONFIG": str(server.kubeconfig), "PLIMSOLL_API_KEY": "plm_secret"}
    with subprocess.Popen(
        [PLIMSOLL, "connect"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url, base, key = (process.stdout.readline().strip() for _ in range(3))
        found = re.fullmatch(r"base URL: (http://127\.0\.0\.1:(\d+)/v1)", url)
        assert found
        assert (base, key) == (f"export OPENAI_BASE_URL={found[1]}", 'export OPENAI_API_KEY="$PLIMSOLL_API_KEY"')
        assert echoed(int(found[2]))
        process.send_signal(asked)
        rest, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, rest) == (0, "")
    assert "Traceback" not in errors
    assert "plm_secret" not in errors


def test_a_command_has_the_url_and_the_key_in_its_environment_and_ends_the_verb_with_its_code(
    plimsoll: Command, server: ForwardingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLIMSOLL_API_KEY", "plm_mine")
    monkeypatch.setenv("OPENAI_API_KEY", "of somebody else")
    script = (
        "import http.client, os, pathlib, sys, urllib.parse\n"
        "url = urllib.parse.urlsplit(os.environ['OPENAI_BASE_URL'])\n"
        "assert os.environ['PLIMSOLL_URL'] == os.environ['OPENAI_BASE_URL']\n"
        "line = http.client.HTTPConnection(url.netloc)\n"
        "line.request('POST', '/v1', os.environ['OPENAI_API_KEY'])\n"
        "pathlib.Path(sys.argv[1]).write_bytes(line.getresponse().read())\n"
        "sys.exit(7)\n"
    )
    heard = tmp_path / "heard"
    command = (sys.executable, "-c", script, heard)
    answered = plimsoll("connect", "--kubeconfig", server.kubeconfig, "--", *command)
    assert (answered.code, heard.read_text()) == (7, "plm_mine")


def test_a_command_that_is_not_there_is_named(plimsoll: Command, server: ForwardingServer) -> None:
    answered = plimsoll("connect", "--kubeconfig", server.kubeconfig, "--", "no-such-program")
    assert answered.code == 2
    assert "no-such-program cannot be run" in answered.errors


def test_what_ends_the_verb_ends_its_command(server: ForwardingServer) -> None:
    environment = {**os.environ, "KUBECONFIG": str(server.kubeconfig)}
    sleep = "import time; print('up', flush=True); time.sleep(600)"
    command = [str(PLIMSOLL), "connect", "--", sys.executable, "-c", sleep]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + signal.SIGTERM
