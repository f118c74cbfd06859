"""An answer in one piece, and the next piece of one, as the bytes of one write.

uvicorn takes it in two steps and looks at every header by itself, which is as long as all that the gateway decides.
"""

from __future__ import annotations

from collections.abc import Sequence

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from plimsoll.gateway.call import Header

CLOSE: Header = (b"connection", b"close")
# What is longer is not copied once more.
_LONGEST = 64 << 10


def written(cycle: RequestResponseCycle, status: int, headers: Sequence[Header], body: bytes) -> bool:
    """False where uvicorn has to do it, with whatever it does then: nothing is written yet."""
    if cycle.disconnected or cycle.response_started or cycle.flow.write_paused or not cycle.keep_alive:
        return False
    if cycle.scope["method"] == "HEAD" or CLOSE in headers:
        return False
    every = (*cycle.default_headers, *headers)
    head = b"\r\n".join(map(b": ".join, every))
    # Each but the last has one end; one more would be a header that nobody has written.
    if head.count(b"\n") != len(every) - 1 or head.count(b"\r") != len(every) - 1 or b"\0" in head:
        return False
    _write(cycle, b"%b%b\r\n\r\n" % (STATUS_LINE[status], head), body)
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.message_event.set()
    cycle.on_response()
    return True


def passed_on(cycle: RequestResponseCycle, data: bytes) -> bool:
    """A piece of an answer that has begun. False where uvicorn has to do it, or to wait: nothing is written then."""
    if cycle.disconnected or cycle.response_complete or cycle.flow.write_paused:
        return False
    if not cycle.chunked_encoding or cycle.scope["method"] == "HEAD":
        return False
    cycle.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
    return True


def _write(cycle: RequestResponseCycle, head: bytes, body: bytes) -> None:
    if len(body) <= _LONGEST:
        cycle.transport.write(head + body)
    else:
        cycle.transport.write(head)
        cycle.transport.write(body)
