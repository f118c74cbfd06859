"""Calls go to whoever is well and has least to do."""

from __future__ import annotations

from plimsoll.gateway.balancing import Balancer, Balancers
from plimsoll.gateway.endpoints import Harm, Target
from plimsoll.routing.document import Endpoint, Hosted, Provider
from plimsoll.routing.entry import Secret
from tests.support.routing_documents import document, served

NOW = 1000.0


def pods(*names: str, draining: tuple[str, ...] = (), service: str = "chat.svc:80") -> Hosted:
    endpoints = (Endpoint(name=each, address=f"{each}:8080", draining=each in draining) for each in names)
    return Hosted(endpoints=tuple(endpoints), service=service)


def first(balancer: Balancer, now: float = NOW) -> Target:
    found = balancer.first(now)
    assert found is not None
    return found


def by_name(balancer: Balancer, name: str) -> Target:
    return next(each for each in balancer.targets if each.name == name)


def test_the_one_with_least_to_do_is_next_and_equals_take_turns() -> None:
    balancer = Balancer(pods("a", "b", "c"))
    assert [first(balancer).name for _ in range(6)] == ["a", "b", "c", "a", "b", "c"]
    by_name(balancer, "a").outstanding = 2
    by_name(balancer, "b").outstanding = 1
    assert first(balancer).name == "c"


def test_who_drains_gets_nothing_new() -> None:
    balancer = Balancer(pods("a", "b", draining=("a",)))
    assert {first(balancer).name for _ in range(4)} == {"b"}


def test_who_does_not_answer_is_sent_away_until_it_says_that_it_is_well() -> None:
    balancer = Balancer(pods("a", "b"))
    sick = by_name(balancer, "a")
    assert sick.harmed(Harm.DOWN, NOW, 0.0)
    assert {first(balancer, NOW + 3600).name for _ in range(4)} == {"b"}
    sick.well(NOW + 2)
    assert {first(balancer, NOW + 2).name for _ in range(4)} == {"a", "b"}


def test_three_wrong_answers_in_a_row_are_too_many() -> None:
    target = by_name(Balancer(pods("a")), "a")
    assert [target.harmed(Harm.SICK, NOW, 0.0) for _ in range(3)] == [False, False, True]
    other = by_name(Balancer(pods("a")), "a")
    other.harmed(Harm.SICK, NOW, 0.0)
    other.harmed(Harm.SICK, NOW, 0.0)
    other.well(NOW)
    assert not other.harmed(Harm.SICK, NOW, 0.0)


def test_each_time_away_is_longer_up_to_half_a_minute() -> None:
    target, now, seconds = by_name(Balancer(pods("a")), "a"), NOW, []
    for _ in range(7):
        target.harmed(Harm.DOWN, now, 0.0)
        seconds.append(target.away_until - now)
        now = target.away_until
    assert seconds == [1, 2, 4, 8, 16, 30, 30]


def test_e06_who_says_it_is_well_and_is_not_goes_away_with_the_next_call_for_longer_and_longer() -> None:
    target, now, seconds = by_name(Balancer(pods("a")), "a"), NOW, []
    for _ in range(2):
        target.harmed(Harm.SICK, now, 0.0)
    for _ in range(7):
        assert target.harmed(Harm.SICK, now, 0.0)
        assert target.away(now)
        seconds.append(target.away_until - now)
        now = target.away_until
        target.back(now)
        assert target.free(now)
    assert seconds == [1, 2, 4, 8, 16, 30, 30]
    target.well(now)
    assert [target.harmed(Harm.SICK, now, 0.0) for _ in range(3)] == [False, False, True]
    assert target.away_until - now == 1


def test_when_all_are_away_the_service_is_called() -> None:
    balancer = Balancer(pods("a", "b"))
    for name in ("a", "b"):
        by_name(balancer, name).harmed(Harm.DOWN, NOW, 0.0)
    assert first(balancer).name == "chat.svc:80"


def test_without_known_pods_the_service_is_called() -> None:
    assert first(Balancer(pods())).base == "http://chat.svc:80"


def test_when_nobody_is_well_one_call_each_still_goes_out_and_no_second_try() -> None:
    balancer = Balancer(pods("a"))
    for each in list(balancer.targets):
        each.harmed(Harm.DOWN, NOW, 0.0)
    assert balancer.first(NOW) is not None
    assert balancer.another(NOW, ()) is None


def test_who_has_too_much_gets_nothing_until_then_and_the_service_is_no_way_around() -> None:
    balancer = Balancer(pods("a", "b"))
    by_name(balancer, "a").harmed(Harm.BUSY, NOW, 5.0)
    assert {first(balancer).name for _ in range(4)} == {"b"}
    by_name(balancer, "b").harmed(Harm.BUSY, NOW, 9.0)
    assert balancer.first(NOW) is None
    assert balancer.busy_for(NOW) == 5.0
    assert first(balancer, NOW + 5).name == "a"


def test_a_second_try_prefers_who_has_not_been_tried() -> None:
    balancer = Balancer(pods("a", "b"))
    a, b = by_name(balancer, "a"), by_name(balancer, "b")
    b.outstanding = 9
    assert balancer.another(NOW, [a]) is b


def test_a_new_document_keeps_what_is_known_of_those_who_stay() -> None:
    balancer = Balancer(pods("a", "b"))
    by_name(balancer, "a").harmed(Harm.DOWN, NOW, 0.0)
    by_name(balancer, "b").outstanding = 3
    balancer.follow(pods("a", "b", "c", draining=("b",)))
    assert by_name(balancer, "b").outstanding == 3
    assert {first(balancer).name for _ in range(4)} == {"c"}


def test_a_provider_comes_back_by_time_and_is_called_by_its_host_only() -> None:
    upstream = Provider(base_url="https://user:word@api.example:8443/v1/", credential=Secret("sk-1"))
    target = first(Balancer(upstream))
    assert (target.name, target.base) == ("api.example:8443", "https://user:word@api.example:8443/v1")
    assert target.credential == "sk-1"
    target.harmed(Harm.DOWN, NOW, 0.0)
    assert not target.free(NOW + 0.5)
    assert target.free(NOW + 1)


def test_a_model_that_is_gone_is_forgotten() -> None:
    balancers = Balancers()
    first_one = balancers.of("team-a/chat", served())
    assert balancers.of("team-a/chat", served()) is first_one
    balancers.heard(document())
    assert balancers.of("team-a/chat", served()) is not first_one


def test_nothing_that_is_logged_of_a_target_shows_its_credential_or_address() -> None:
    target = first(Balancer(Provider(base_url="https://user:word@api.example/v1", credential=Secret("sk-1"))))
    assert "sk-1" not in repr(target)
    assert "word" not in repr(target)
