"""`python -m bench.gateway`: what is measured, how often, and what is removed afterwards."""

import contextlib
import os
import sys
from collections.abc import Sequence

from bench.frame.errors import BenchError
from bench.frame.run import RAW_FOLDER, ROOT, run_bench
from bench.frame.runner import Experiment
from bench.gateway.cores import Cores
from bench.gateway.load import Tool
from bench.gateway.plans import Planner
from bench.gateway.program import PROGRAM
from bench.gateway.stand import Stand
from tools.cluster.errors import ClusterError
from tools.cluster.progress import Progress

QUICK = "--quick" in sys.argv[1:]


def plan(stack: contextlib.ExitStack) -> Sequence[Experiment]:
    """What a killed run has left is ended first, then the tool is built if it is not there yet."""
    cores = Cores.of_this_process()
    # All but what is measured keeps off its core.
    os.sched_setaffinity(0, {cores.tool})
    try:
        program = PROGRAM.ensure(Progress())
    except ClusterError as error:
        raise BenchError(str(error)) from error
    stand = Stand(ROOT / RAW_FOLDER / "gateway", Tool(program, cores.tool))
    stack.callback(stand.stop_all)
    return Planner(stand, cores.gateway, QUICK).experiments()


if __name__ == "__main__":
    sys.exit(run_bench("gateway", plan, sys.argv[1:]))
