"""Callers in a pod of a test, which has only the standard library: what they got is printed, a line of JSON each.

watch KEY MODEL URL...            asks every URL again and again, and prints what changed: when that was answered, and
                                  when the last call was made that had met the old
ask KEY MODEL URL NAME...         asks for other models again and again, and prints what changed
call KEY MODEL COUNT SECONDS URL  so many calls at an even pace, every fourth a stream, and then what failed
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit

_PAUSE = 0.05
_PATIENCE = 30.0
_LIMIT, _REVISION = "x-ratelimit-limit-requests", "x-plimsoll-revision"


_SAYING = threading.Lock()


def say(**told: Any) -> None:
    with _SAYING:
        print(json.dumps(told), flush=True)


def ask(url: str, key: str, model: str, *, stream: bool = False) -> tuple[int, dict[str, str], str]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_PATIENCE)
    body = json.dumps({"model": model, "prompt": "ahoy", "max_tokens": 3, "stream": stream})
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    try:
        connection.request("POST", "/v1/completions", body, headers)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, told, answer.read().decode()
    finally:
        connection.close()


def watch(key: str, model: str, urls: list[str]) -> None:
    def look(number: int, url: str) -> None:
        before, asked = None, 0.0
        while True:
            asked, last_asked = time.time(), asked
            try:
                status, headers, _ = ask(url, key, model)
                seen = [status, headers.get(_LIMIT, ""), headers.get(_REVISION, "")]
            except OSError as error:
                seen = [0, repr(error), ""]
            if seen != before:
                say(gateway=number, at=time.time(), last_asked=last_asked, seen=seen)
                before = seen
            time.sleep(_PAUSE)

    for number, url in enumerate(urls):
        threading.Thread(target=look, args=(number, url)).start()


def call(key: str, model: str, count: int, seconds: float, url: str) -> None:
    failed: list[str] = []
    begun = time.monotonic()

    def one(number: int) -> None:
        stream = number % 4 == 0
        try:
            status, _, text = ask(url, key, model, stream=stream)
            if status != 200 or (stream and "[DONE]" not in text):
                failed.append(f"{number}: {status} {text[-200:]}")
        except (OSError, http.client.HTTPException) as error:
            failed.append(f"{number} after {time.monotonic() - begun:.1f} s: {error!r}")

    while ask(url, key, model)[0] != 200:
        time.sleep(_PAUSE)
    say(calling=True)
    begun = time.monotonic()
    threads = []
    for number in range(count):
        time.sleep(max(0.0, begun + number * seconds / count - time.monotonic()))
        threads.append(threading.Thread(target=one, args=(number,)))
        threads[-1].start()
    for each in threads:
        each.join()
    say(answered=count - len(failed), failed=failed[:5])


def ask_for(key: str, url: str, models: list[str]) -> None:
    before: dict[str, tuple[int, str]] = {}
    while True:
        for model in models:
            status, headers, text = ask(url, key, model)
            if before.get(model) != (status, text):
                before[model] = (status, text)
                say(model=model, status=status, retry_after=headers.get("retry-after", ""), text=text)
        time.sleep(_PAUSE)


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "watch":
        watch(rest[0], rest[1], rest[2:])
    elif verb == "ask":
        ask_for(rest[0], rest[2], rest[3:])
    else:
        call(rest[0], rest[1], int(rest[2]), float(rest[3]), rest[4])
