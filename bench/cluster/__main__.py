"""`python -m bench.cluster`: what is measured, how often, and what is removed afterwards."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace

from bench.cluster.cold import ColdStart
from bench.cluster.images import ImageRebuild
from bench.cluster.warm import WarmCluster
from bench.frame.clone import Clone
from bench.frame.commands import Commands, end_left_over
from bench.frame.host import use_cores
from bench.frame.run import RAW_FOLDER, ROOT, run_bench
from bench.frame.runner import Experiment, Subject
from bench.frame.scratch import Scratch

# The bars hold for two cores; a larger machine must not clear them by being larger.
CORES = 2
LIFE = ("warm-up", "up-again", "control-plane-memory", "memory-in-all", "down")
IMAGE = ("image-rebuild", "image-unpacked")


def plan(stack: contextlib.ExitStack) -> Sequence[Experiment]:
    """The four experiments. What they make is removed afterwards, and first of all what a killed run has left."""
    use_cores(CORES)
    log = ROOT / RAW_FOLDER / "cluster.log"
    end_left_over(log)
    log.write_text("", encoding="utf-8")

    scratch = Scratch(log.with_suffix(".scratch"))
    clone = Clone(ROOT, scratch, "cold", log, own_caches=True)
    first = ColdStart(clone)
    cluster = WarmCluster(Commands(ROOT, log))
    images = ImageRebuild(ROOT, scratch, cluster, log)
    for remove in (cluster.down, first.down, scratch.remove):
        remove()
    # Called last to first: a scratch folder must not go while a cluster lives in it.
    for remove in (scratch.remove, first.down, cluster.down):
        stack.callback(remove)

    cold_up = Experiment("cold start", ("cold-up",), Subject("ours", first.measure), daemons=clone.daemons)
    life = Experiment("start and stop", LIFE, Subject("ours", cluster.measure_life), daemons=cluster.daemons)
    two = Experiment("two nodes", ("two-node-warm-up",), Subject("ours", cluster.measure_two_nodes))
    image = Experiment("image after a change", IMAGE, Subject("ours", images.measure))
    return [replace(cold_up, repeats=1, quick_repeats=0), life, replace(two, quick_repeats=1), image]


if __name__ == "__main__":
    sys.exit(run_bench("cluster", plan, sys.argv[1:]))
