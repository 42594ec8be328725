"""Seeds random generators: one stream per purpose and epoch, so that resuming needs no generator state.

A stream is identified by a seed, a purpose and an epoch; equal ones give equal numbers on every machine.
No stream spans epochs, so epoch 5 is the same whether or not the process was killed before it.
"""

import hashlib
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch

T = TypeVar("T")


def trial_seed(seed: int, trial: int) -> int:
    """Return the seed of one trial of a search, in [0, 2**63)."""
    return _word(np.random.SeedSequence([seed, trial]))


def stream_seed(seed: int, purpose: str, epoch: int = 0) -> int:
    """Return the seed of the stream for `purpose` in an epoch, in [0, 2**63)."""
    name = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "big")
    return _word(np.random.SeedSequence([seed, name, epoch]))


def generator(seed: int, purpose: str, epoch: int = 0, device: torch.device | None = None) -> torch.Generator:
    """Return the generator of the stream for `purpose` in an epoch, on `device` (the CPU by default)."""
    made = torch.Generator(device=device or torch.device("cpu"))
    return made.manual_seed(stream_seed(seed, purpose, epoch))


def seeded_build(build: Callable[[], T], seed: int) -> T:
    """Return the result of `build` with torch's global generator seeded.

    The caller's generators are restored. Networks initialise their weights from the global generator,
    because torch's layers take no other.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(stream_seed(seed, "weights"))
        return build()


def _word(sequence: np.random.SeedSequence) -> int:
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
