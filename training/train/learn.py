"""The loop."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from training.measure import improvement
from training.tensors import write_tensors
from training.train.examples import Examples
from training.train.kept import Kept
from training.train.loss import relative_errors
from training.train.optimiser import Optimiser
from training.train.state import Run
from training.whole import whole_file

STATE = "state.pt"
LOG = "log.jsonl"
CHECKPOINT = "model.ckpt"
# Steps between two looks at the loss: a GPU is ahead of who counts its steps, and a look waits for it.
SHOWN = 10


@dataclass(frozen=True)
class Settings:
    """How a network learns.

    Attributes:
        steps: how many in all; the rate falls to nothing over them (half a cosine).
        rate: highest learning rate (`Optimiser.step`).
        warm_up: steps until it is reached.
        averaged: how much of the average of the weights stays at a step.
        report_every: steps between two looks at the songs for validation; the run is saved after each.
        bfloat16: compute in bfloat16 where PyTorch deems it safe.
    """

    steps: int
    rate: float
    warm_up: int
    averaged: float
    report_every: int
    bfloat16: bool


def begin(network: torch.nn.Module, device: torch.device, kept: list[int] | None = None) -> Run:
    """A run that has not learnt yet.

    Args:
        network: what is to learn.
        device: where.
        kept: the places of stems of which it keeps what it hears now.
    """
    network = network.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    return Run(network, average, Optimiser(network), kept=Kept(network, kept) if kept else None)


def learn(
    run: Run,
    examples: Examples,
    validation: list[np.ndarray],
    settings: Settings,
    out: Path,
    fingerprint: str,
    *,
    readers: int = 0,
) -> None:
    """Train from the run's step to the last, and write `model.ckpt`: the averaged weights, for MSST.

    Args:
        run: where it stands; changed.
        examples: of the songs for training.
        validation: targets (stems, 2, samples) that are measured and never learnt from.
        settings: how to learn.
        out: the folder of the run: state.pt, log.jsonl and model.ckpt.
        fingerprint: of the settings.
        readers: processes that read examples; 0: a thread.
    """
    device = next(run.network.parameters()).device
    batches = examples.batches(range(run.step, settings.steps), readers=readers, pinned=device.type == "cuda")
    losses: list[torch.Tensor] = []
    with tqdm(total=settings.steps, initial=run.step, unit="step") as progress:
        for targets in batches:
            losses.append(step(run, targets.to(device, non_blocking=True), settings))
            progress.update()
            if run.step % SHOWN == 0:
                progress.set_postfix(loss=f"{mean(losses[-100:]):.3f}", refresh=False)
            if run.step % settings.report_every == 0 or run.step == settings.steps:
                report(run, mean(losses), validation, out, progress)
                losses.clear()
                run.save(out / STATE, fingerprint)
    with whole_file(out / CHECKPOINT) as temporary:
        write_tensors(
            temporary, {name: value.cpu().contiguous() for name, value in run.average.state_dict().items()}
        )


def mean(losses: list[torch.Tensor]) -> float:
    """The mean of losses that may still be on their way from a GPU, which it waits for."""
    return torch.stack(losses).mean().item()


def step(run: Run, targets: torch.Tensor, settings: Settings) -> torch.Tensor:
    """One step of the optimiser.

    Returns:
        The loss before it, on the device of the targets.
    """
    mixture = targets.sum(1)
    estimate = heard(run.network, mixture, settings)
    errors = relative_errors(estimate, targets)
    if run.kept:
        errors = run.kept.errors_instead(
            errors, estimate, heard(run.kept.network, mixture, settings), mixture
        )
    loss = errors.mean()
    run.network.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
    run.optimiser.step(rate_at(run.step, settings))
    run.step += 1
    follow(run, settings.averaged)
    return loss.detach()


def heard(network: torch.nn.Module, mixture: torch.Tensor, settings: Settings) -> torch.Tensor:
    """What a network hears: float32 (batch, stems, channels, samples) of (batch, channels, samples)."""
    with torch.autocast(mixture.device.type, torch.bfloat16, enabled=settings.bfloat16):
        return network(mixture).float()


def rate_at(step: int, settings: Settings) -> float:
    """The learning rate of a step, counted from 0."""
    risen = min(1.0, (step + 1) / settings.warm_up)
    return settings.rate * risen * (0.5 + 0.5 * math.cos(math.pi * step / settings.steps))


@torch.no_grad()
def follow(run: Run, averaged: float) -> None:
    """Move the average towards the weights; in the first steps nearly all the way."""
    kept = min(averaged, run.step / (run.step + 20))
    for mean, value in zip(run.average.parameters(), run.network.parameters(), strict=True):
        mean.lerp_(value, 1 - kept)


def report(run: Run, loss: float, validation: list[np.ndarray], out: Path, progress: tqdm[Any]) -> None:
    """Print and log how the averaged network does on the songs for validation."""
    improved = improvement(run.average, validation)
    line = {"step": run.step, "loss": round(loss, 4), "improvement": improved}
    progress.write(json.dumps(line))
    with open(out / LOG, "a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
