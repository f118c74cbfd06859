"""What a process on this machine says at a path, asked without a client that tries again."""

from __future__ import annotations

import http.client


def plain_get(port: int, path: str, seconds: float) -> tuple[int, str]:
    """Status 0 as long as nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()
