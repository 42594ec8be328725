"""State of a search's supernet: how far it is, what it is for, how well readings agree with trainings."""

from dataclasses import asdict, dataclass
from typing import Any

from search_spaces.units import counted, format_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well an order of networks agrees with that of their trainings.

    Attributes:
        name: What orders them: ``supernet``, ``MACs`` or ``blocks``, the number of blocks that do something.
        tau: Kendall's rank correlation, in [-1, 1]; None where it orders none.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    name: str
    tau: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        """Return the name with the correlation and its interval."""
        if self.tau is None:
            return f"{self.name} –"
        return f"{self.name} {self.tau:.2f} ({self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SupernetState:
    """State of the supernet that a search has trained or uses.

    Attributes:
        study: Study that has trained it; None for this one.
        rule: Which networks a step of its training trains.
        band: Least and most MACs of the networks that it is for; None for the whole space.
        resolution: Resolutions of its networks in pixels.
        epochs: Epochs trained so far, with the share of the one in progress.
        of_epochs: Epochs of the training.
        images: Images through networks so far, each once for each network that trained on it; None if that
            is not known.
        readings: Networks read so far.
        compared: Trained networks of the study whose readings are compared with their trainings.
        agreement: How well orders of these agree with their trainings.
    """

    study: str | None
    rule: str
    band: tuple[int, int] | None
    resolution: tuple[int, ...]
    epochs: float
    of_epochs: int
    images: int | None
    readings: int
    compared: int = 0
    agreement: tuple[Agreement, ...] = ()

    @property
    def trained(self) -> bool:
        """Whether its training has ended."""
        return self.epochs >= self.of_epochs

    @property
    def lines(self) -> tuple[str, ...]:
        """The state in words, a line for each subject."""
        whose = "" if self.study is None else f"of '{self.study}', "
        epochs = f"{self.of_epochs}" if self.trained else f"{self.epochs:.3g} of {self.of_epochs}"
        images = "" if self.images is None else f", {format_count(self.images)} images through networks"
        band = "" if self.band is None else f"{' to '.join(map(format_count, self.band))} MACs "
        sides = dict.fromkeys([min(self.resolution), max(self.resolution)] if self.resolution else [])
        pixels = f"at {' to '.join(map(str, sides))} pixels" if sides else ""
        found = [
            f"{whose}trained for {epochs} epochs by {self.rule}{images}; for networks of "
            f"{band}{pixels}".rstrip(),
            f"{counted(self.readings, 'network')} read",
        ]
        if self.compared:
            orders = ", ".join(map(str, self.agreement)) or "too few to say"
            found[-1] += f"; Kendall with {counted(self.compared, 'training')}: {orders}"
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)
