"""What the stages of a network lose by fewer bits of weights, and its table."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console

from dashboards.fitted_table import Column, FittedTable
from dashboards.tables import terminal

VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDrop:
    """What a network loses where the weights of one stage have fewer bits, and all others are in fp32.

    Attributes:
        stage: Number of the stage, counted from 1.
        bits: Bits of its weights, 8 or 4.
        accuracy: Accuracy on validation images, in [0, 1].
        drop: By how much that is below the accuracy in fp32.
        error: Standard error of the drop, of the same images.
        weights_bytes: Bytes of the stage's weights, as `weights` counts them in int8.
    """

    stage: int
    bits: int
    accuracy: float
    drop: float
    error: float
    weights_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSensitivity:
    """What each stage of a network loses by fewer bits.

    Attributes:
        network: Name of the network, ``STUDY#12``.
        images: Number of validation images.
        accuracy: Accuracy in fp32, in [0, 1].
        drops: One of each stage and number of bits.
    """

    network: str
    images: int
    accuracy: float
    drops: Sequence[StageDrop]

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version."""
        return {"version": VERSION, **asdict(self)}


def print_sensitivity(found: StageSensitivity, *, as_json: bool, console: Console | None = None) -> None:
    """Print which stage loses how much by 8 and by 4 bits.

    Args:
        found: What was measured.
        as_json: Whether JSON is printed instead of a table.
        console: Output console; by default standard output.
    """
    console = console or terminal()
    if as_json:
        console.print(json.dumps(found.to_json(), indent=2), markup=False, soft_wrap=True)
        return
    table = FittedTable(
        [
            Column("stage"),
            Column("weights in 8 bits"),
            Column("in 4"),
            Column("lost by 8"),
            Column("lost by 4"),
        ],
        title=f"{found.network}: {found.accuracy:.2%} in fp32 on {found.images} validation images",
        caption="lost: points of accuracy if this stage alone has weights of so many bits ± standard error",
    )
    for stage in dict.fromkeys(drop.stage for drop in found.drops):
        by_bits = {drop.bits: drop for drop in found.drops if drop.stage == stage}
        sizes = [f"{by_bits[bits].weights_bytes / 1024:.1f} KiB" for bits in (8, 4)]
        lost = [f"{100 * by_bits[bits].drop:+.2f} ± {100 * by_bits[bits].error:.2f}" for bits in (8, 4)]
        table.add_row(str(stage), *sizes, *lost)
    console.print(table, soft_wrap=True)
