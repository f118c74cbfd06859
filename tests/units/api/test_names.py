"""Names of children fit where Kubernetes puts them."""

from __future__ import annotations

import re

from plimsoll.api import names

LONGEST = "a" * names.LONGEST_NAME
DIGEST = "0123456789abcdef" * 4


def test_the_names_of_children_of_the_longest_name_fit_into_a_label() -> None:
    workload = names.workload_name(LONGEST, DIGEST)
    assert workload == f"{LONGEST}-0123456789"
    # The Deployment controller appends a hash of up to ten characters to its ReplicaSets.
    assert len(f"{workload}-{'x' * 10}") <= 63
    assert len(names.revision_name(LONGEST, 2**31 - 1)) <= 63


def test_children_carry_labels_that_users_may_not_set() -> None:
    labels = names.common_labels("chat", "engine") | names.workload_labels(7, DIGEST)
    assert all(key.startswith(names.RESERVED_PREFIXES) for key in labels)
    assert labels[names.LABEL_MODELCONFIG] == "chat"
    assert labels[names.LABEL_REVISION] == "7"
    assert all(re.fullmatch("[A-Za-z0-9][-A-Za-z0-9_.]{0,62}", value) for value in labels.values())
