"""Trains in pieces: what is reached is kept on disk, and the next run goes on from there."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from models.llama_file import Shape
from models.train import network
from models.train.conversations import Speaker
from models.train.examples import Rows, Tokenize, batches

_TOLD_EVERY = 20


@dataclass(frozen=True)
class Plan:
    shape: Shape
    steps: int = 500
    rows: int = 8
    length: int = 256
    rate: float = 2e-3
    seed: int = 0

    def optimiser(self) -> Any:
        rate = optax.warmup_cosine_decay_schedule(0.0, self.rate, 50, self.steps, end_value=self.rate / 100)
        return optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate, b2=0.98, weight_decay=0.05))


@dataclass
class State:
    """The weights and what the optimiser remembers of them, after so many steps."""

    step: int
    weights: network.Weights
    memory: Any


def begin(plan: Plan) -> State:
    weights = network.begin(plan.shape, plan.seed)
    return State(0, weights, plan.optimiser().init(weights))


def save(state: State, path: Path) -> None:
    leaves = jax.tree.leaves((state.weights, state.memory))
    unfinished = path.with_name("unfinished.npz")
    np.savez(unfinished, state.step, *leaves)
    unfinished.rename(path)


def load(plan: Plan, path: Path) -> State:
    """Where the last run stopped, or the beginning."""
    state = begin(plan)
    if not path.exists():
        return state
    with np.load(path) as kept:
        step, *leaves = kept.values()
    structure = jax.tree.structure((state.weights, state.memory))
    weights, memory = jax.tree.unflatten(structure, leaves)
    return State(int(step), weights, memory)


def train(plan: Plan, state: State, tokenize: Tokenize, seconds: float, tell: Callable[[str], None]) -> State:
    """On from this state until all steps are done or the seconds are over."""
    step = _step_of(plan)
    # Another start hears other conversations than the one before it.
    heard = batches(Speaker(plan.seed + state.step), tokenize, plan.rows, plan.length)
    weights, memory = state.weights, state.memory
    until, number = time.monotonic() + seconds, state.step
    while number < plan.steps and time.monotonic() < until:
        weights, memory, loss = step(weights, memory, next(heard))
        number += 1
        if number % _TOLD_EVERY == 0:
            tell(f"step {number} of {plan.steps}: loss {float(loss):.4f}")
    return State(number, weights, memory)


def _step_of(plan: Plan) -> Any:
    optimiser = plan.optimiser()

    def step(weights: network.Weights, memory: Any, rows: Rows) -> tuple[network.Weights, Any, Any]:
        loss, slopes = jax.value_and_grad(network.loss)(weights, rows, plan.shape)
        changes, memory = optimiser.update(slopes, memory, weights)
        return optax.apply_updates(weights, changes), memory, loss

    return jax.jit(step, donate_argnums=(0, 1))
