"""How many trainings this machine bears at once, and with what."""

import os
from dataclasses import dataclass

import torch

from search_spaces.errors import InvalidValueError

_TRAININGS_A_SLOT = 2  # fewer would leave the sampler too little to learn from between rounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Places in which trainings run side by side.

    Attributes:
        count: How many, at least 1.
        threads: CPU threads of each.
        gpus: Share of a GPU, or GPUs, of each; 0 for none.
        device: `cpu` or `cuda`.
        cpus: Of Ray's CPUs, what each takes of its node.
    """

    count: int
    threads: int
    gpus: float
    device: str
    cpus: int = 1


def slots_here(trials: int, gpus_per_trial: float | None) -> Slots:
    """Return the slots of this machine.

    Two trainings of one thread each do about 30 % more work than one of two threads, so cores are
    given one by one, but never so many that fewer than two trainings remain for each slot.

    Args:
        trials: How many networks will be trained.
        gpus_per_trial: What each is to get; by default a whole GPU where there is one.

    Raises:
        InvalidValueError: if there are fewer GPUs than one training asks for.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    available = torch.cuda.device_count()
    share = (1.0 if available else 0.0) if gpus_per_trial is None else gpus_per_trial
    if not 0 <= share <= available or (share > 1 and share != int(share)):
        raise InvalidValueError(
            f"Cannot give each training {share:g} GPUs: expected 0 to {available}, the GPUs of this machine, "
            f"and whole ones above 1. Choose another --gpus-per-trial."
        )
    if share:
        # A training does not spread over parts of two GPUs.
        count = available * int(1 / share + 1e-9) if share <= 1 else available // int(share)
        return Slots(count=count, threads=max(1, cores // count), gpus=share, device="cuda")
    count = max(1, min(cores, -(-trials // _TRAININGS_A_SLOT)))
    return Slots(count=count, threads=max(1, cores // count), gpus=0.0, device="cpu")
