"""`python -m bench.cluster`: what is measured, how often, and what is removed afterwards."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace

from bench.cluster import cold, warm
from bench.cluster.images import ImageRebuild
from bench.frame.commands import Commands
from bench.frame.host import use_cores
from bench.frame.run import RAW_FOLDER, ROOT, run_bench
from bench.frame.runner import Experiment, Subject

# The bars hold for two cores; a larger machine must not clear them by being larger.
CORES = 2
LIFE = ("warm-up", "up-again", "control-plane-memory", "memory-in-all", "down")
IMAGE = ("image-rebuild", "image-unpacked")


def plan(stack: contextlib.ExitStack) -> Sequence[Experiment]:
    """The four experiments. The stack removes what they make, last made first."""
    use_cores(CORES)
    log = ROOT / RAW_FOLDER / "cluster.log"
    log.write_text("", encoding="utf-8")

    first = cold.ColdStart(ROOT, log.with_name("cold-start"), log)
    first.remove()
    stack.callback(first.remove)
    cluster = warm.WarmCluster(Commands(ROOT, log))
    stack.callback(cluster.down)
    images = ImageRebuild(ROOT, cluster, log)
    stack.callback(images.remove)
    cold_up = Experiment("cold start", ("cold-up",), Subject("ours", first.measure), daemons=first.daemons)
    life = Experiment("start and stop", LIFE, Subject("ours", cluster.measure_life), daemons=cluster.daemons)
    two = Experiment("two nodes", ("two-node-warm-up",), Subject("ours", cluster.measure_two_nodes))
    image = Experiment("image after a change", IMAGE, Subject("ours", images.measure))
    return [replace(cold_up, repeats=1, quick_repeats=0), life, replace(two, quick_repeats=1), image]


if __name__ == "__main__":
    sys.exit(run_bench("cluster", plan, sys.argv[1:]))
