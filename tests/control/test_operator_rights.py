"""Every right of the operator is needed: without any one of them a scenario stops there, and the operator says so."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

import pytest

from tests.api.test_rbac import AT_HOME, WANTED
from tests.support.audit import Audit
from tests.support.kube import Kube
from tests.support.operator_rights import Right, kubeconfig_of, rendered, rights_of, without
from tests.support.operators import Operator, Operators
from tests.support.scenarios import SCENARIOS, SECONDS, STANDING, STRANGERS, Stage, StoppedError
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster

RBAC = "rbac.authorization.k8s.io"
# Asked for by an admission plugin that most clusters do not have, and the test cluster neither.
UNSEEN = {Right("plimsoll.dev", "modelconfigs/finalizers", "update")}
RIGHTS = sorted((WANTED | AT_HOME) - UNSEEN)

# What shows that a right is needed, where that is not simply the life of one model.
NEEDED_IN = {
    ("deployments", "delete"): "an old workload is taken away",
    ("modelconfigs", "get"): "an old workload is taken away",
    ("controllerrevisions", "delete"): "an old revision is forgotten",
    ("persistentvolumeclaims", "get"): "a claim that is not there is told",
    ("jobs", "create"): "weights on a claim are inspected",
    ("jobs", "patch"): "weights on a claim are inspected",
    ("jobs", "delete"): "weights on a claim are inspected",
    ("modelkeys/status", "patch"): "a key is told what became of it",
    ("secrets", "get"): "a credential that is not there is told",
    **{(resource, "delete"): "a model goes to a provider" for resource in STANDING},
    **{(resource, "get"): f"a name among {resource} becomes free" for resource in STRANGERS},
}


@dataclass(frozen=True)
class Play:
    """An operator as a user of its own, whose rights the test decides."""

    stage: Stage
    operators: Operators
    cluster: ProcessCluster
    audit: Audit
    user: str

    def begin(self, missing: Right | None = None) -> Operator:
        self._grant(missing)
        # With the lease, as it is installed, and with a history that is soon full.
        kubeconfig = kubeconfig_of(self.cluster, self.user)
        made = self.operators.make(kubeconfig=kubeconfig, configuration={"history": 2}, options=())
        made.process.start()
        if missing is None:
            made.process.wait_ready()
        return made

    def _grant(self, missing: Right | None) -> None:
        """What an installation for this namespace gives; the operator's own namespace is the same one here."""
        for role in rendered(self.cluster, [self.stage.namespace]):
            if role["kind"] not in ("Role", "ClusterRole"):
                continue
            rules = (role if missing is None else without(role, missing))["rules"]
            name = f"{self.user}-{role['kind'].lower()}-{role['metadata']['name']}"
            self.stage.kube.create({**self.stage.named(f"{RBAC}/v1", "Role", name), "rules": rules})
            binding = {
                "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
                "subjects": [{"apiGroup": RBAC, "kind": "User", "name": self.user}],
            }
            self.stage.kube.create({**self.stage.named(f"{RBAC}/v1", "RoleBinding", name), **binding})

    def refused(self, right: Right) -> bool:
        """Whether the API server has refused this very thing. Creation by apply is asked for as a patch."""
        verb = "patch" if right.verb == "create" and right.resource not in ("events", "leases") else right.verb
        return any(
            (each.code, each.group, each.resource, each.verb) == (403, right.group, right.resource, verb)
            for each in self.audit.requests(self.user)
        )

    def told(self, operator: Operator, right: Right) -> bool:
        """To whoever reads the log, or to the user whose model waits for it."""
        if f'cannot {right.verb} resource \\"{right.resource}\\"' in operator.process.log:
            return True
        found = self.stage.kube.find(self.stage.config()) or {}
        words = f"the operator may not `{right.verb}` `{right.resource}`"
        return any(words in each["message"] for each in found.get("status", {}).get("conditions", []))


@pytest.fixture
def play(
    *, kube: Kube, namespace: str, weights: str, operators: Operators, cluster: ProcessCluster, audit: Audit
) -> Play:
    return Play(Stage(kube, namespace, weights), operators, cluster, audit, f"operator-{secrets.token_hex(4)}")


def test_removing_a_right_from_a_role_removes_exactly_this_one(cluster: ProcessCluster) -> None:
    for role in rendered(cluster):
        for right in rights_of(role) if role["kind"] in ("Role", "ClusterRole") else ():
            assert rights_of(role) - rights_of(without(role, right)) == {right}


@pytest.mark.kill_points("right", RIGHTS, short=4)
def test_without_one_right_its_scenario_stops_there_and_the_operator_says_what_is_missing(
    right: Right, play: Play
) -> None:
    operator = play.begin(missing=right)
    stage = replace(play.stage, refused=lambda: play.refused(right))
    scenario = SCENARIOS[NEEDED_IN.get((right.resource, right.verb), "a model is served")]

    def played() -> None:
        scenario(stage)
        # What nothing else waits for, as an Event, may be refused a moment later.
        stage.wait(lambda: False, f"{right} is refused")

    with pytest.raises(StoppedError):
        played()
    wait_until(lambda: play.told(operator, right), SECONDS, lambda: f"{right} is told\n{operator.process.tail()}")
    # One that cannot work may end as it likes.
    operator.process.kill()


@pytest.mark.long
@pytest.mark.kill_points("name", list(SCENARIOS), short=3)
def test_with_all_its_rights_the_operator_is_refused_nothing(name: str, play: Play) -> None:
    play.begin()
    SCENARIOS[name](play.stage)
    assert [each for each in play.audit.requests(play.user) if each.code == 403] == []
