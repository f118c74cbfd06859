"""Links and addresses of the nodes' network, told by an `ip` that shows what the test says is there."""

import json
from pathlib import Path

import pytest

from tests.units.cluster.conftest import Programs
from tools.cluster import network
from tools.cluster.errors import ClusterError
from tools.cluster.instance import MOST_NODES, Instance

# `ip -batch -` notes its lines; a link is a file. `nsenter` answers for the `ip` inside and runs nothing at all:
# whatever goes wrong here, no real link or route is ever touched.
IP = """
case "$*" in
"-j link show dev "*) [ -e {folder}/link-$5 ] && cat {folder}/link-$5 || exit 1 ;;
"-j route show table all") cat {folder}/routes ;;
"link delete "*) rm {folder}/link-$3 ;;
"-batch -") {{ cat; echo; }} >> {folder}/ip.batch ;;
esac
"""
NSENTER = """
case "$*" in
*" ip -j link show dev eth0") [ -e {folder}/inside-eth0 ] && cat {folder}/inside-eth0 || exit 1 ;;
*" ip -batch -") {{ cat; echo; }} >> {folder}/ip.batch ;;
esac
"""

# No process can have this pid: a test that reached the real commands would enter nobody's namespaces.
NOBODY = 2**22 + 1


@pytest.fixture
def machine(only_programs: Programs) -> Programs:
    for name, script in (("ip", IP), ("nsenter", NSENTER)):
        only_programs.put(name, script.format(folder=only_programs.folder))
    routes(only_programs, "default", "10.0.2.0/24")
    return only_programs


def routes(machine: Programs, *destinations: str) -> None:
    listed = [{"dst": destination, "dev": "eth0"} for destination in destinations]
    (machine.folder / "routes").write_text(json.dumps(listed))


def put_link(machine: Programs, name: str, owner: str) -> Path:
    link = machine.folder / f"link-{name}"
    link.write_text(json.dumps([{"ifname": name, "ifalias": owner}]))
    return link


def batch(machine: Programs) -> list[str]:
    noted = machine.folder / "ip.batch"
    return noted.read_text().splitlines() if noted.exists() else []


OURS = "plimsoll:test-0123ab"


def test_the_bridge_carries_the_mark_and_the_address_of_its_instance(machine: Programs, here: Instance) -> None:
    network.make_bridge(here)
    assert batch(machine) == [
        "link add plm3 type bridge",
        f"link set plm3 alias {OURS}",
        "link set plm3 up",
        "address replace 10.131.254.1/24 dev plm3",
    ]


def test_a_bridge_that_was_left_half_made_is_completed(machine: Programs, here: Instance) -> None:
    put_link(machine, "plm3", OURS)
    network.make_bridge(here)
    assert batch(machine) == ["link set plm3 up", "address replace 10.131.254.1/24 dev plm3"]


def test_a_link_of_somebody_else_is_refused_and_left_alone(machine: Programs, here: Instance) -> None:
    put_link(machine, "plm3", "plimsoll:demo-4567cd")
    with pytest.raises(ClusterError, match=r"plm3 exists and is not of this cluster: choose another name"):
        network.make_bridge(here)
    assert batch(machine) == []


@pytest.mark.parametrize("taken", ["10.131.0.0/16", "10.131.7.0/24", "10.131.254.9"])
def test_addresses_that_are_in_use_are_refused_with_their_route(machine: Programs, here: Instance, taken: str) -> None:
    routes(machine, "default", taken)
    with pytest.raises(ClusterError, match=rf"10\.131\.0\.0/16 are in use .*\(route to {taken} on eth0\)"):
        network.make_bridge(here)
    assert batch(machine) == []


@pytest.mark.parametrize("other", ["10.13.1.0/24", "10.132.0.0/16", "110.131.0.0/16"])
def test_neighbouring_addresses_are_no_hindrance(machine: Programs, here: Instance, other: str) -> None:
    routes(machine, other)
    network.make_bridge(here)
    assert "link add plm3 type bridge" in batch(machine)


def test_a_node_gets_a_cable_an_address_and_a_route_to_its_pods(machine: Programs, here: Instance) -> None:
    network.connect_node(here, 2, init=NOBODY)
    assert batch(machine) == [
        f"link add plm3n2 type veth peer name eth0 netns {NOBODY}",
        f"link set plm3n2 alias {OURS} master plm3 up",
        "link set lo up",
        "address replace 10.131.254.12/24 dev eth0",
        "link set eth0 up",
        "route replace default via 10.131.254.1",
        "route replace 10.131.2.0/24 via 10.131.254.12 dev plm3",
    ]
    inside = machine.calls("nsenter")
    assert all(call.startswith(f"--net=/proc/{NOBODY}/ns/net ") for call in inside)
    assert inside[-1].endswith(" sysctl -qw net.ipv4.ip_forward=1")


def test_the_cable_of_a_node_that_ended_is_replaced(machine: Programs, here: Instance) -> None:
    old = put_link(machine, "plm3n2", OURS)
    network.connect_node(here, 2, init=NOBODY)
    assert not old.exists()
    assert batch(machine)[0] == f"link add plm3n2 type veth peer name eth0 netns {NOBODY}"


def test_a_cable_that_is_there_is_kept_and_its_node_configured_again(machine: Programs, here: Instance) -> None:
    (machine.folder / "inside-eth0").write_text('[{"ifname": "eth0"}]')
    network.connect_node(here, 2, init=NOBODY)
    lines = batch(machine)
    assert not any("link add" in line for line in lines)
    assert "address replace 10.131.254.12/24 dev eth0" in lines


def test_nodes_reach_each_others_pods_through_each_other(machine: Programs, here: Instance) -> None:
    network.connect_pods(here, NOBODY, [2, 3])
    assert batch(machine) == [
        "route replace 10.131.2.0/24 via 10.131.254.12",
        "route replace 10.131.3.0/24 via 10.131.254.13",
    ]


def test_only_links_with_our_mark_are_removed(machine: Programs, here: Instance) -> None:
    ours = [put_link(machine, name, OURS) for name in ("plm3", "plm3n1", f"plm3n{MOST_NODES}")]
    foreign = [put_link(machine, "plm3n2", ""), put_link(machine, "plm30", OURS)]
    network.remove(here)
    assert [link.exists() for link in ours] == [False, False, False]
    assert [link.exists() for link in foreign] == [True, True]


def test_a_cable_that_the_kernel_removed_first_is_no_error(machine: Programs, here: Instance) -> None:
    put_link(machine, "plm3", OURS)
    machine.put(
        "ip", IP.format(folder=machine.folder).replace("rm ", "rm -f ").replace("link-$3 ;;", "link-$3; exit 1 ;;")
    )
    network.remove(here)


def test_a_link_that_stays_is_named_with_the_reason(machine: Programs, here: Instance) -> None:
    put_link(machine, "plm3", OURS)
    refusing = IP.format(folder=machine.folder).replace("rm ", "echo 'Operation not permitted' >&2; exit 2; rm ")
    machine.put("ip", refusing)
    with pytest.raises(ClusterError, match="The link plm3 cannot be removed: Operation not permitted"):
        network.remove(here)


def test_a_failed_command_is_shown_with_what_it_was_given(machine: Programs, here: Instance) -> None:
    machine.put(
        "ip", '[ "$1" = -batch ] && echo "RTNETLINK: no" >&2 && exit 1; [ "$2" = route ] && echo "[]" || exit 1'
    )
    with pytest.raises(ClusterError, match=r"ip -batch - failed: RTNETLINK: no\nlink add plm3 type bridge"):
        network.make_bridge(here)
