"""What tests of `plimsoll key` read: the object in a fake cluster, and the key that was shown."""

from __future__ import annotations

import re

from plimsoll.cluster.kinds import MODEL_KEY
from tests.support.command import Answered
from tests.support.fake_cluster import FakeCluster
from tests.support.model_configs import Object

PLAIN = re.compile(r"plm_[A-Za-z0-9]{6}[A-Za-z0-9_-]{43}")


def stored(cluster: FakeCluster, name: str = "app", namespace: str = "default") -> Object:
    return cluster.objects[MODEL_KEY, namespace, name]


def key_of(answered: Answered) -> str:
    (line,) = answered.output.splitlines()
    assert PLAIN.fullmatch(line)
    return line
