"""Measures how far an epoch is and how many images pass a second, without waiting for the device."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

EVERY_S: Final = 5.0
"""Seconds between two reports; an epoch shorter than that is reported by its end alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochProgress:
    """How far an epoch is.

    Attributes:
        epoch: Number of the epoch, from 1.
        epochs: Number of epochs of the training.
        share: Share of its images that were trained or evaluated on, in [0, 1].
        images_per_s: Images a second since the last report.
        left_s: Seconds until its end at that rate.
    """

    epoch: int
    epochs: int
    share: float
    images_per_s: float
    left_s: float

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, as JSON has them."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "EpochProgress":
        """Return the progress whose `to_json` is `fields`."""
        return cls(**fields)


class ProgressMeter:
    """Counts the images of one epoch batch by batch, and reports every few seconds.

    On a GPU a batch counts once its work is queued, which runs ahead by a few batches.

    Args:
        epoch: Number of the epoch, from 1.
        epochs: Number of epochs of the training.
        batches: Images in each batch of the epoch, in order: those trained on, recalibrated on and evaluated.
        report: Receives the progress; None for nobody.
        clock: Returns seconds.
    """

    def __init__(
        self,
        epoch: int,
        epochs: int,
        batches: list[int],
        report: Callable[[EpochProgress], None] | None,
        clock: Callable[[], float],
    ) -> None:
        self._epoch, self._epochs, self._batches = epoch, epochs, batches
        self._report, self._clock = report, clock
        self._total = sum(batches)
        self._done = self._reported = self._batch = 0
        self._since_s = clock()

    def step(self) -> None:
        """Count the next batch, and report if it is time."""
        if self._report is None or self._batch >= len(self._batches):
            return
        self._done += self._batches[self._batch]
        self._batch += 1
        passed_s = self._clock() - self._since_s
        if passed_s < EVERY_S:
            return
        rate = (self._done - self._reported) / passed_s
        self._report(
            EpochProgress(
                epoch=self._epoch,
                epochs=self._epochs,
                share=round(self._done / self._total, 4),
                images_per_s=round(rate, 1),
                left_s=round((self._total - self._done) / rate, 1),
            )
        )
        self._since_s, self._reported = self._clock(), self._done


def cut(images: int, most: int) -> list[int]:
    """Return the sizes of batches of at most `most` images, nearly equal."""
    count = max(1, math.ceil(images / most))
    return [images // count + (number < images % count) for number in range(count)]
