"""A small engine for tests: it keeps to the engine contract, answers without a model, and fails as it is told.

The variable ACT says how it fails, in words with a blank between them:

    end=DriverMissing   end with this reason of the contract: last words and exit code
    exit=3              end with this code and without last words
    crash               end with a traceback
    eat-memory          take memory until the kernel ends it
    after=2             seconds until one of these happens; without it, at once
    ready-after=5       seconds until it is ready
    never-ready         alive, and never ready
    deaf                ready, and never alive
    hang-after=5        seconds from the start, after which nothing is answered any more
    answer-after=0.5    seconds before each answer
    refuse              every completion is an error 500

Called as `fetch`, it plays the fetching of weights in the same way. Only the standard library: this is also the proof
that the contract can be kept by somebody who has only read it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORT = 8080
LAST_WORDS = Path(os.environ.get("LAST_WORDS", "/dev/termination-log"))
# Written down again on purpose: an engine has the contract's page and not our code.
EXIT_CODES = {
    "SourceUnreachable": 10,
    "DownloadFailed": 11,
    "SourceNotFound": 20,
    "SourceForbidden": 21,
    "AddressRefused": 22,
    "HostNotAllowed": 23,
    "SecretMissing": 24,
    "ChecksumMismatch": 25,
    "NotAModel": 26,
    "ModelUnsupported": 27,
    "DiskFull": 28,
    "DoesNotFit": 30,
    "OutOfMemory": 31,
    "DriverMissing": 32,
}
# What `fetch inspect` finds: two layers of a very small model, in the form of plan/sizing_report.
REPORT = json.dumps(
    {
        "name": "tiny",
        "architecture": "llama",
        "fileType": "F16",
        "parameters": 1000000,
        "embedding": 64,
        "heads": 4,
        "widest": 256,
        "vocabulary": 1000,
        "trainedContext": 4096,
        "inputs": [128000, 0, 0],
        "outputs": [128000, 0, 0],
        "tied": [0, 0, 0],
        "causal": True,
        "notes": [],
        "kinds": [[100000, 0, 0, 4, 16, 16, None, 0]],
        "order": [[0, 2]],
    }
)


class Act:
    """How this run fails, if it does."""

    def __init__(self, text: str) -> None:
        told = [word.partition("=") for word in text.split()]
        self.told = {name: value for name, _, value in told}

    def __contains__(self, name: str) -> bool:
        return name in self.told

    def seconds(self, name: str) -> float:
        return float(self.told.get(name) or 0)

    def fail(self) -> None:
        """Does not return where a failure was asked for."""
        if not self.told.keys() & {"end", "exit", "crash", "eat-memory"}:
            return
        time.sleep(self.seconds("after"))
        if reason := self.told.get("end"):
            message = f"the test engine was told to end with {reason}"
            LAST_WORDS.write_text(json.dumps({"reason": reason, "message": message, "fix": "tell it something else"}))
            end(EXIT_CODES[reason])
        if "exit" in self:
            end(int(self.told["exit"]))
        if "eat-memory" in self:
            kept = []
            while True:
                kept.append(b"x" * (4 << 20))
        raise RuntimeError("the test engine was told to crash")


def end(code: int) -> None:
    """Also from a thread, and without a word."""
    sys.stdout.flush()
    os._exit(code)


class Engine(ThreadingHTTPServer):
    """Up from the start, ready when told, and gone when the last request has its answer."""

    daemon_threads = False

    def __init__(self, arguments: list[str], act: Act) -> None:
        super().__init__(("", PORT), Handler)
        self.arguments = arguments
        self.model = named(arguments)
        self.act = act
        self.requests = 0
        self.draining = False
        self.began = time.monotonic()

    @property
    def age(self) -> float:
        return time.monotonic() - self.began

    @property
    def ready(self) -> bool:
        late = self.age < self.act.seconds("ready-after")
        return not (self.draining or late or "never-ready" in self.act)

    def text(self, prompt: str) -> str:
        return f"{self.model} with {' '.join(self.arguments) or 'no arguments'} heard: {prompt}"


def named(arguments: list[str]) -> str:
    """What the arguments call the model, by the names that engines have for this."""
    flags = ("--alias", "--served-model-name", "--model")
    return next((told for flag in flags if (told := given(arguments, flag))), "test-engine")


def given(arguments: list[str], flag: str) -> str:
    """The value of `--flag value` or `--flag=value`."""
    for place, argument in enumerate(arguments):
        if argument.startswith(f"{flag}="):
            return argument.partition("=")[2]
        if argument == flag:
            return "".join(arguments[place + 1 : place + 2])
    return ""


class Handler(BaseHTTPRequestHandler):
    server: Engine
    protocol_version = "HTTP/1.1"
    # An idle connection would keep the engine from ending.
    timeout = 30

    def parse_request(self) -> bool:
        if "hang-after" in self.server.act and self.server.age >= self.server.act.seconds("hang-after"):
            threading.Event().wait()
        return super().parse_request()

    def do_GET(self) -> None:
        if self.path == "/health":
            self.say({"status": "ok"}, 503 if "deaf" in self.server.act else 200)
        elif self.path == "/ready":
            self.say({"ready": self.server.ready}, 200 if self.server.ready else 503)
        elif self.path == "/metrics":
            self.send(f"test_engine_requests_total {self.server.requests}\n".encode(), "text/plain; version=0.0.4")
        elif self.path == "/v1/models":
            self.say({"object": "list", "data": [{"id": self.server.model, "object": "model", "owned_by": "test"}]})
        else:
            self.say({"error": {"message": f"no {self.path} here", "type": "not_found"}}, 404)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if self.path not in ("/v1/completions", "/v1/chat/completions"):
            self.say({"error": {"message": f"no {self.path} here", "type": "not_found"}}, 404)
            return
        self.server.requests += 1
        time.sleep(self.server.act.seconds("answer-after"))
        if "refuse" in self.server.act:
            self.say({"error": {"message": "the test engine was told to refuse", "type": "server_error"}}, 500)
            return
        chat = self.path.endswith("chat/completions")
        prompt = asked["messages"][-1]["content"] if chat else asked["prompt"]
        words = self.server.text(str(prompt)).split()[: asked.get("max_tokens") or asked.get("max_completion_tokens")]
        usage = {"prompt_tokens": len(str(prompt).split()), "completion_tokens": len(words)}
        usage["total_tokens"] = sum(usage.values())
        if asked.get("stream"):
            with_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
            self.stream(chat, words, usage if with_usage else None)
            return
        text = " ".join(words)
        answer: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        self.say(self.body("chat.completion" if chat else "text_completion", answer) | {"usage": usage})

    def stream(self, chat: bool, words: list[str], usage: dict[str, int] | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in self.events(chat, words, usage):
            self.wfile.write(f"data: {event}\n\n".encode())
            self.wfile.flush()
            time.sleep(self.server.act.seconds("answer-after") / max(1, len(words)))

    def events(self, chat: bool, words: list[str], usage: dict[str, int] | None) -> Iterator[str]:
        kind = "chat.completion.chunk" if chat else "text_completion"
        for place, word in enumerate(words):
            text = word if place == 0 else f" {word}"
            piece: dict[str, Any] = {"delta": {"content": text}} if chat else {"text": text}
            yield json.dumps(self.body(kind, piece, None))
        yield json.dumps(self.body(kind, {"delta": {}} if chat else {"text": ""}))
        if usage:
            yield json.dumps(self.body(kind, {}) | {"choices": [], "usage": usage})
        yield "[DONE]"

    def body(self, kind: str, choice: dict[str, Any], finish: str | None = "stop") -> dict[str, Any]:
        choices = [{"index": 0, "finish_reason": finish, **choice}]
        return {"id": "test-1", "object": kind, "created": 0, "model": self.server.model, "choices": choices}

    def say(self, answer: dict[str, Any], status: int = 200) -> None:
        self.send(json.dumps(answer).encode(), "application/json", status)

    def send(self, content: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Probes come every second, and the last lines of the log are told as last words."""


def serve(arguments: list[str], act: Act) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server = Engine(arguments, act)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    print(f"test engine: {server.model} on :{PORT}", flush=True)
    act.fail()
    stop.wait()
    server.draining = True
    server.shutdown()
    # Waits for the requests that are being answered.
    server.server_close()


def fetch(arguments: list[str], act: Act) -> None:
    act.fail()
    if arguments[:1] == ["inspect"]:
        LAST_WORDS.write_text(REPORT)
        return
    folder = Path(given(arguments, "--to"))
    (folder / "weights").write_bytes(b"of the test engine\n")
    print(f"wrote {folder / 'weights'}", flush=True)


def main(arguments: list[str]) -> None:
    act = Act(os.environ.get("ACT", ""))
    if arguments[:1] == ["fetch"]:
        fetch(arguments[1:], act)
    else:
        serve(arguments, act)


if __name__ == "__main__":
    main(sys.argv[1:])
