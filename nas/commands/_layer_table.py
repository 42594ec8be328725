"""Renders the layer times of a network as a table for a terminal."""

from dashboards.fitted_table import Column, FittedTable
from search_spaces.units import format_count
from trials.latency.layer_times import LayerTime, LayerTimes

_BAR = 24


def layer_table(times: LayerTimes, name: str) -> FittedTable:
    """Return a row for each block and one for the whole network.

    Args:
        times: Measured times of the layers.
        name: Name of the network, for the title.
    """
    table = FittedTable(
        [
            Column("block", left=True),
            Column("MACs", rank=3),
            Column("time"),
            Column("share", rank=2),
            Column("efficiency", rank=1),
            Column("", rank=4, left=True),
        ],
        title=f"{name} on {times.conditions['target']}: {times.time_ms:.3g} ms in layers, "
        f"{times.ideal_ms:.3g} ms at the peak of {times.peak_macs_per_ms / 1e6:.3g} GMACs/s",
        caption="efficiency: MACs per second of a block as a share of the peak",
    )
    blocks = times.blocks()
    longest_ms = max(block.time_ms for block in blocks)
    for block in blocks:
        bar = "█" * round(_BAR * block.time_ms / longest_ms)
        table.add_row(block.name, *_figures(block, times), bar)
    return table


def _figures(block: LayerTime, times: LayerTimes) -> tuple[str, str, str, str]:
    efficiency = block.macs / (block.time_ms * times.peak_macs_per_ms)
    return (
        format_count(block.macs),
        f"{block.time_ms:.3g} ms",
        f"{block.time_ms / times.time_ms:.1%}",
        f"{efficiency:.1%}" if block.macs else "-",
    )
