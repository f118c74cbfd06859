"""The smallest thing that can stand for an operator: it applies what is missing, says that it is ready, and waits."""

from __future__ import annotations

import http.client
import json
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

import yaml

_PATH = "/api/v1/namespaces/{namespace}/configmaps/{name}"


def main(kubeconfig: str, namespace: str, count: str, port: str, *words: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with open(kubeconfig) as file:
        server = urlsplit(yaml.safe_load(file)["clusters"][0]["cluster"]["server"])
    for number in range(int(count)):
        _apply(server.netloc, namespace, f"part-{number}")
    print(*words, flush=True)
    HTTPServer(("127.0.0.1", int(port)), _Answers).serve_forever()


def _apply(server: str, namespace: str, name: str) -> None:
    path = _PATH.format(namespace=namespace, name=name)
    if _ask(server, "GET", path, None) == 404:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"written": "yes"}}
        _ask(server, "PATCH", f"{path}?fieldManager=toy&force=true", body)


def _ask(server: str, method: str, path: str, body: dict[str, Any] | None) -> int:
    connection = http.client.HTTPConnection(server, timeout=10)
    headers = {} if body is None else {"Content-Type": "application/apply-patch+yaml"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'toy_waiting{kind="a"} 1\ntoy_waiting{kind="b"} 2\n')

    def log_message(self, *_: object) -> None:
        """A request is no news."""


if __name__ == "__main__":
    main(*sys.argv[1:])
