"""`python -m bench.operator`: what is measured, how often, and what is removed afterwards."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace

from bench.frame.errors import BenchError
from bench.frame.host import use_cores
from bench.frame.run import RAW_FOLDER, ROOT, run_bench
from bench.frame.runner import Experiment, Subject
from bench.operator.converge import Convergence
from bench.operator.life import Amounts, Life
from bench.operator.running import Running
from bench.operator.soak import Soak
from bench.operator.stand import Stand
from bench.operator.takeover import Takeover
from tests.support.gguf_models import small
from tests.support.model_server import ModelServer, own_address

# The bars hold for two cores; a larger machine must not clear them by being larger.
CORES = 2
QUICK = "--quick" in sys.argv[1:]
MODELS = 100 if QUICK else 1000
LIFE = Amounts(MODELS, added=20, damaged=20, idle_seconds=20) if QUICK else Amounts(MODELS, 100, 100, 60)
PASSES = 50_000
LIFE_ROWS = ("all-ready", "added", "repaired", "idle-writes", "restart-writes", "memory")


def plan(stack: contextlib.ExitStack) -> Sequence[Experiment]:
    """The four experiments. What they make is removed afterwards, and first of all what a killed run has left."""
    use_cores(CORES)
    folder = ROOT / RAW_FOLDER / "operator"
    folder.mkdir(parents=True, exist_ok=True)
    stand = Stand()
    stand.down()
    stack.callback(stand.down)
    if (address := own_address()) is None:
        raise BenchError("the operator reads no headers from loopback: give this machine an address of its own")
    server = ModelServer(address)
    stack.callback(server.close)
    url = server.add("/model.gguf", small())
    running = Running(stand, url, folder)
    standby = Running(stand, url, folder, "standby")

    convergence = Convergence(stand, running, MODELS)
    ours, peer = Subject("ours", convergence.measure_ours), Subject("bare loop", convergence.measure_peer)
    life, takeover = Life(stand, running, LIFE), Takeover(stand, running, standby)
    soak = Soak(stand, running, PASSES)
    whole = Experiment("a thousand models", ("converge", "converge-to-bare-loop"), ours, peer, daemons=stand.daemons)
    # A life holds hundreds of samples, and five lives would take hours.
    return [
        replace(whole, quick_repeats=1),
        Experiment("a life", LIFE_ROWS, Subject("ours", life.measure), repeats=1, quick_repeats=1),
        Experiment("takeover", ("takeover",), Subject("ours", takeover.measure), repeats=3, quick_repeats=1),
        Experiment("soak", ("soak-growth",), Subject("ours", soak.measure), repeats=1, quick_repeats=0),
    ]


if __name__ == "__main__":
    sys.exit(run_bench("operator", plan, sys.argv[1:]))
