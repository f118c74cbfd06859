"""What comes over real sockets: clients that go at any moment, and bytes that are no HTTP."""

import json
import random
import socket

import pytest

from tests.support.engine_process import EngineProcess
from tests.support.form import Form
from tests.support.waiting import wait_until


def connected(engine: EngineProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", engine.port), timeout=20)


def request(body: bytes, *headers: bytes) -> bytes:
    head = b"\r\n".join([b"POST /v1/completions HTTP/1.1", b"host: x", b"content-length: %d" % len(body), *headers])
    return head + b"\r\n\r\n" + body


def at_rest(engine: EngineProcess) -> bool:
    return not (engine.metric("plimsoll_engine_slots_busy") or engine.metric("plimsoll_engine_waiting"))


def told(engine: EngineProcess) -> dict[str, int]:
    """Sums over the log's lines about requests."""
    names = ("prompt_tokens", "cached_tokens", "completion_tokens")
    lines = [line for line in engine.lines("request") if "finish" in line]
    return {name: sum(line[name] for line in lines) for name in names}


def counted(engine: EngineProcess) -> dict[str, int]:
    names = ("prompt_tokens", "cached_tokens", "completion_tokens")
    return {name: int(engine.metric(f"plimsoll_engine_{name}_total")) for name in names}


def test_clients_that_go_at_any_moment_leave_no_slot_busy_and_every_token_told(
    running_engine: EngineProcess, form: Form
) -> None:
    rnd = random.Random(form.seed)
    before, told_before = counted(running_engine), told(running_engine)
    for number in range(form.count(small=200, large=3000)):
        body = json.dumps(
            {"prompt": f"balu {number} " * rnd.randint(1, 40), "max_tokens": rnd.randint(1, 300),
             "stream": rnd.random() < 0.7, "n": rnd.randint(1, 2)}
        ).encode()  # fmt: skip
        with connected(running_engine) as client:
            data = request(body, b"connection: close")
            if rnd.random() < 0.2:
                client.sendall(data[: rnd.randrange(len(data))])
            else:
                client.sendall(data)
                wanted = rnd.choice((0, 1, 400, 2000))
                while wanted > 0 and (got := client.recv(wanted)):
                    wanted -= len(got)
    wait_until(lambda: at_rest(running_engine), 20, "no slot is busy")

    def agree() -> bool:
        now, told_now = counted(running_engine), told(running_engine)
        return all(now[name] - before[name] == told_now[name] - told_before[name] for name in now)

    wait_until(agree, 10, lambda: f"{counted(running_engine)} {told(running_engine)}")
    assert running_engine.client().completions.create(model="boat", prompt="balu", max_tokens=2).choices


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["tls", "version", "text", "path", "length", "header", "address"],
)
def test_what_is_no_http_has_an_error_and_the_end(running_engine: EngineProcess, data: bytes) -> None:
    with connected(running_engine) as client:
        client.sendall(data)
        answer = b""
        while got := client.recv(65536):
            answer += got
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["code"] == "invalid_http"


def test_a_connection_serves_one_request_after_another(running_engine: EngineProcess) -> None:
    with connected(running_engine) as client:
        # The second and third are sent before the first one is answered.
        good = request(b'{"prompt": "balu", "max_tokens": 2}')
        client.sendall(good + request(b"{}") + good)
        answers = b""
        while answers.count(b'"usage"') < 2:
            answers += client.recv(65536)
        assert [part[:4] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"200 ", b"400 ", b"200 "]
        client.sendall(good)
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_wants_to_upgrade_is_told_to_speak_plain_http(running_engine: EngineProcess) -> None:
    with connected(running_engine) as client:
        # As Java's own client does when nobody told it otherwise.
        client.sendall(request(b'{"prompt": "balu"}', b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c"))
        answer = b""
        while got := client.recv(65536):
            answer += got
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"set the client to plain HTTP/1.1" in answer


def test_a_request_keeps_the_name_it_came_with(running_engine: EngineProcess) -> None:
    with connected(running_engine) as client:
        client.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-request-id: trip-7\r\n\r\n")
        assert b"x-request-id: trip-7\r\n" in client.recv(65536)

    def paths() -> list[str]:
        return [line["path"] for line in running_engine.lines("request") if line["request"] == "trip-7"]

    wait_until(lambda: paths() == ["/v1/models"], 10, "the log has it")


def test_no_word_of_a_prompt_is_in_the_log(running_engine: EngineProcess) -> None:
    running_engine.post("/v1/completions", {"prompt": "kalimera", "max_tokens": 2})
    running_engine.post("/v1/completions", {"prompt": ["kalimera", 2]})
    assert "kalimera" not in running_engine.log
