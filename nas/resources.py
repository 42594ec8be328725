"""Divides CPUs and GPUs of machines into slots for trainings that run side by side."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from search_spaces.errors import InvalidValueError
from trials.usable_cores import usable_cores

_TRAININGS_A_SLOT = 2  # fewer would leave the sampler too little to learn from between rounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Resources of the trainings that run side by side.

    Attributes:
        count: Number of trainings, at least 1.
        threads: CPU threads of each training.
        gpus: GPUs of each training, a share below 1 or whole ones; 0 for none.
        device: `cpu` or `cuda`.
        cpus: CPUs that Ray reserves for each training; 0 if the node has fewer CPUs than trainings.
    """

    count: int
    threads: int
    gpus: float
    device: str
    cpus: int = 1

    def fit_in(self, machine: "Machine") -> bool:
        """Return whether a machine has room for one of them."""
        return machine.cpus >= self.cpus and machine.gpus >= self.gpus

    def held_by(self, machine: "Machine") -> int:
        """Return how many of them a machine has room for."""
        on_gpus = _on_gpus_of(machine, self.gpus) if self.gpus else machine.cpus
        return min(on_gpus, machine.cpus // self.cpus) if self.cpus else on_gpus


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What one machine can give to trainings, each of which runs on one machine alone.

    Attributes:
        cpus: Cores.
        gpus: Whole GPUs.
    """

    cpus: int
    gpus: int = 0


def slots_here(trials: int, gpus_per_trial: float | None) -> Slots:
    """Return the slots of this machine.

    Args:
        trials: How many networks will be trained.
        gpus_per_trial: What each is to get; by default a whole GPU where there is one.

    Raises:
        InvalidValueError: if there are fewer GPUs than one training asks for.
    """
    return slots_on([this_machine()], trials, gpus_per_trial, whose="this machine")


def this_machine() -> Machine:
    """Return what this machine can give to trainings."""
    return Machine(cpus=len(usable_cores()), gpus=torch.cuda.device_count())


def slots_on(machines: Sequence[Machine], trials: int, gpus_per_trial: float | None, *, whose: str) -> Slots:
    """Return the slots of some machines together.

    Two trainings of one thread each do about 30 % more work than one of two threads, so cores are
    given one by one, but never so many that fewer than two trainings remain for each slot. Where GPUs
    are used, machines without any train nothing.

    Args:
        machines: Of which each training takes one, or a part of it.
        trials: How many networks will be trained.
        gpus_per_trial: What each is to get; by default a whole GPU where there is one.
        whose: What the machines are called in messages.

    Raises:
        InvalidValueError: if no machine has what one training asks for.
    """
    most = max((machine.gpus for machine in machines), default=0)
    share = (1.0 if most else 0.0) if gpus_per_trial is None else gpus_per_trial
    if not 0 <= share <= most or (share > 1 and share != int(share)):
        raise InvalidValueError(
            f"Cannot give each training {share:g} GPUs: expected 0 to {most}, the GPUs of "
            f"{whose if len(machines) == 1 else f'one node of {whose}'}, and whole ones above 1. Choose "
            f"another --gpus-per-trial."
        )
    return _on_gpus(machines, share) if share else _on_cpus(machines, trials, whose)


def capacity_on(machines: Sequence[Machine], trials: int, slots: Slots) -> int:
    """Return how many trainings machines bear once the slots have been chosen, at least 1.

    Args:
        machines: Which there are by now.
        trials: How many networks will be trained.
        slots: What each training takes.
    """
    held = sum(map(slots.held_by, machines))
    return max(1, held if slots.gpus else min(held, _of_use(trials)))


def fewer_slots(machines: Sequence[Machine], slots: Slots, count: int) -> Slots:
    """Return slots for at most `count` trainings side by side, which share the cores of the others.

    Args:
        machines: Those of the slots.
        slots: Slots of these machines.
        count: Number of trainings, at least 1.
    """
    if slots.count <= count:
        return slots
    if slots.gpus:
        return replace(slots, count=count)
    return _of_cores([machine.cpus for machine in machines], count)


def _on_gpus(machines: Sequence[Machine], share: float) -> Slots:
    """Return slots of which none spreads over parts of two GPUs."""
    holding = [(machine, held) for machine in machines if (held := _on_gpus_of(machine, share))]
    count = sum(held for _, held in holding)
    threads = min(machine.cpus // held for machine, held in holding)
    # Where cores are fewer than slots, only GPUs say how many trainings Ray places there.
    return Slots(count=count, threads=max(1, threads), gpus=share, device="cuda", cpus=threads)


def _on_gpus_of(machine: Machine, share: float) -> int:
    return machine.gpus * int(1 / share + 1e-9) if share <= 1 else machine.gpus // int(share)


def _on_cpus(machines: Sequence[Machine], trials: int, whose: str) -> Slots:
    """Return as many slots as there is use for, of as many cores as that leaves for each."""
    cores = [machine.cpus for machine in machines if machine.cpus]
    if not cores:
        raise InvalidValueError(
            f"Nothing can be trained on {whose}: expected a node with CPUs or GPUs. Start one with "
            f"`ray start --num-cpus`, or leave --address out."
        )
    return _of_cores(cores, _of_use(trials))


def _of_cores(cores: Sequence[int], wanted: int) -> Slots:
    """Return at most as many slots as are wanted, of as many cores as that leaves for each."""
    threads = max((t for t in range(1, max(cores) + 1) if _of(cores, t) >= wanted), default=1)
    return Slots(
        count=min(_of(cores, threads), wanted), threads=threads, gpus=0.0, device="cpu", cpus=threads
    )


def _of_use(trials: int) -> int:
    """Return how many slots there is use for on CPUs."""
    return max(1, -(-trials // _TRAININGS_A_SLOT))


def _of(cores: Sequence[int], threads: int) -> int:
    return sum(n // threads for n in cores)


class Capacity:
    """The number of trainings that may run side by side, and the slot-seconds that this adds up to.

    Args:
        count: The number at first, at least 1.
        clock: Returns monotonic seconds.
    """

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._count, self._clock = count, clock
        self._past_s = 0.0
        self._since_s = clock()

    @property
    def count(self) -> int:
        """The number of trainings that may run now."""
        return self._count

    def change(self, count: int) -> None:
        """Let `count` trainings run from now on."""
        self._past_s = self.offered_s
        self._count, self._since_s = count, self._clock()

    @property
    def offered_s(self) -> float:
        """Slot-seconds available so far."""
        return self._past_s + self._count * (self._clock() - self._since_s)
