"""`python -m tools.cluster`: the verbs of the cluster on the command line."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tools.cluster import Cluster, choose_cluster, instance, open_cluster
from tools.cluster.errors import ClusterError
from tools.cluster.progress import Progress
from tools.cluster.status import render

_EPILOG = """\
examples:
  python -m tools.cluster up                            one node, named test
  python -m tools.cluster up --name demo --nodes 2      another one beside it, with two nodes
  python -m tools.cluster up --name fast --shape control   no nodes that run pods, no root
  python -m tools.cluster load --name demo image.tar
  python -m tools.cluster kubectl --name demo -- get pods -A
  python -m tools.cluster gpu node-1 2 --name demo      pretend that node-1 has two GPUs
  export KUBECONFIG=$(python -m tools.cluster kubeconfig --name demo)
"""


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", default="test", help="which cluster (default: test)")
    made = argparse.ArgumentParser(add_help=False)
    made.add_argument(
        "--shape",
        choices=instance.SHAPES,
        help="api: etcd and API server; control: also controllers and fake nodes; node: real nodes (default: as it is)",
    )
    made.add_argument(
        "--nodes", type=_node_count, default=1, help=f"real nodes, 1 to {instance.MOST_NODES} (default: 1)"
    )
    made.add_argument(
        "--backend",
        choices=("auto", "processes", "kind"),
        default="auto",
        help="what runs the nodes (default: what this machine can)",
    )
    whole = argparse.ArgumentParser(
        prog="python -m tools.cluster",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = whole.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("up", parents=[common, made], help="start it, or repair what is broken")
    verbs.add_parser("down", parents=[common], help="end and remove everything of it")
    verbs.add_parser(
        "status",
        parents=[common],
        help="every component and what is wrong; exits 1 when something is, 3 when it is not up",
    )
    verbs.add_parser("kubeconfig", parents=[common], help="print the path of its kubeconfig")
    load = verbs.add_parser("load", parents=[common], help="import image archives into every node")
    load.add_argument("archives", nargs="+", type=Path, metavar="ARCHIVE")
    logs = verbs.add_parser("logs", parents=[common], help="print the end of the logs")
    logs.add_argument("component", nargs="?", default="")
    logs.add_argument("--lines", type=int, default=50, help="how many of each (default: 50)")
    gpu = verbs.add_parser("gpu", parents=[common], help="pretend that a node has GPUs, 0 to take them away")
    gpu.add_argument("node")
    gpu.add_argument("count", type=int)
    kubectl = verbs.add_parser(
        "kubectl", parents=[common], help="run the cluster's own kubectl: everything after -- goes to it"
    )
    kubectl.add_argument("words", nargs="+")
    verbs.add_parser("recycle", parents=[common], help="empty static volumes whose claim is gone and offer them again")
    verbs.add_parser("list", help="every cluster of this user, of all checkouts")
    return whole


def _node_count(text: str) -> int:
    possible = {str(count): count for count in range(1, instance.MOST_NODES + 1)}
    if text not in possible:
        raise argparse.ArgumentTypeError(f"1 to {instance.MOST_NODES} nodes")
    return possible[text]


def run(arguments: argparse.Namespace) -> int:
    if arguments.verb == "list":
        for each in instance.existing():
            print(f"{each.identity:28} {each.shape:8} {each.api_url}")
        return 0
    if arguments.verb in ("gpu", "recycle", "kubectl"):
        return _extra(arguments)
    cluster = choose_cluster(
        arguments.name,
        getattr(arguments, "shape", None),
        getattr(arguments, "nodes", 1),
        getattr(arguments, "backend", "auto"),
    )
    return _common(cluster, arguments)


def _common(cluster: Cluster, arguments: argparse.Namespace) -> int:
    match arguments.verb:
        case "up":
            cluster.up()
        case "down":
            cluster.down()
        case "load":
            progress = Progress()
            for archive in arguments.archives:
                with progress.step(f"loaded {archive}"):
                    cluster.load([archive])
        case "kubeconfig":
            print(cluster.kubeconfig)
        case "logs":
            print(cluster.logs(arguments.component, arguments.lines))
        case "status":
            status = cluster.status()
            print(render(status))
            return 0 if status.healthy else 1 if status.components else 3
    return 0


def _extra(arguments: argparse.Namespace) -> int:
    cluster = open_cluster(arguments.name)
    if arguments.verb == "kubectl":
        cluster.become_kubectl(*arguments.words)
    elif arguments.verb == "gpu":
        cluster.pretend_gpus(arguments.node, arguments.count)
    else:
        print("\n".join(cluster.recycle_volumes()) or "nothing to recycle")
    return 0


def main() -> int:
    try:
        return run(parser().parse_args())
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on, or `down` to remove what there is", file=sys.stderr)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"error: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
