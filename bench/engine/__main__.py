"""`python -m bench.engine`: what is measured, how often, and what is removed afterwards."""

import contextlib
import random
import sys
from collections.abc import Sequence

from bench.engine.plans import Planner
from bench.engine.programs import find_programs
from bench.engine.servers import Servers
from bench.frame.host import use_cores
from bench.frame.run import RAW_FOLDER, ROOT, run_bench
from bench.frame.runner import Experiment
from tools.cluster.progress import Progress

# The bars hold for two cores; a larger machine must not clear them by being larger.
CORES = 2
QUICK = "--quick" in sys.argv[1:]
# The same prompts in every run, and in no run the same prompt twice.
SEED = 5


def plan(stack: contextlib.ExitStack) -> Sequence[Experiment]:
    """What a killed run has left is ended first, then the programs and models are made that are not there yet."""
    use_cores(CORES)
    servers = Servers(ROOT / RAW_FOLDER / "engine")
    servers.stop_all()
    stack.callback(servers.stop_all)
    rng = random.Random(SEED)  # noqa: S311 - prompts are no secrets
    return Planner(find_programs(Progress()), servers, rng, QUICK).experiments()


if __name__ == "__main__":
    sys.exit(run_bench("engine", plan, sys.argv[1:]))
