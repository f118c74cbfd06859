"""`python -m bench.demo`: what is measured, how often, and what is removed afterwards."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace

from bench.demo.life import Demo
from bench.frame.clone import Clone
from bench.frame.commands import end_left_over
from bench.frame.host import use_cores
from bench.frame.run import RAW_FOLDER, ROOT, run_bench
from bench.frame.runner import Experiment, Subject
from bench.frame.scratch import Scratch

# The bars hold for two cores; a larger machine must not clear them by being larger.
CORES = 2


def plan(stack: contextlib.ExitStack) -> Sequence[Experiment]:
    """What is made is removed afterwards, and first of all what a killed run has left."""
    use_cores(CORES)
    log = ROOT / RAW_FOLDER / "demo.log"
    end_left_over(log)
    log.write_text("", encoding="utf-8")
    scratch = Scratch(log.with_suffix(".scratch"))
    first, later = (
        Clone(ROOT, scratch, name, log, own_caches=own) for name, own in (("first", True), ("later", False))
    )
    demos = Demo(first), Demo(later)
    for each in demos:
        each.down()
    scratch.remove()
    # Called last to first: a scratch folder must not go while a cluster lives in it.
    stack.callback(scratch.remove)
    for each in demos:
        stack.callback(each.down)

    cold = Experiment("the very first time", ("cold",), Subject("ours", demos[0].measure_cold), daemons=first.daemons)
    warm = Experiment(
        "with warm caches", ("warm", "again", "down"), Subject("ours", demos[1].measure_warm), daemons=later.daemons
    )
    killed = Experiment("after a kill", ("after-a-kill",), Subject("ours", demos[1].measure_killed))
    return [
        replace(cold, repeats=1, quick_repeats=0),
        replace(warm, repeats=3, quick_repeats=1),
        replace(killed, repeats=3, quick_repeats=0),
    ]


if __name__ == "__main__":
    sys.exit(run_bench("demo", plan, sys.argv[1:]))
