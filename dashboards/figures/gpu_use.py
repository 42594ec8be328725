"""Draws concurrent trainings and GPU utilisation over the time of the search."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from dashboards.figures._style import styled
from dashboards.findings import Findings
from dashboards.palette import CONVOLUTION, SERIES
from dashboards.result import Epoch

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_BINS: Final = 60  # time bins; epochs are reported a moment late, which shorter bins would show


def draw(findings: Findings) -> "Figure | None":
    """Return the number of concurrent trainings and, if there are GPUs, their utilisation, over time."""
    from plotly.graph_objects import Figure, Scatter  # noqa: PLC0415 -- seconds of imports

    spans = [
        (network.device, epoch, epoch.ended_s - epoch.seconds, epoch.ended_s)
        for network in findings.result.networks
        for epoch in network.curve
        if epoch.ended_s is not None and epoch.seconds > 0
    ]
    if not spans:
        return None
    first, last = min(begun for *_, begun, _ in spans), max(ended for *_, ended in spans)
    width = max(last - first, 1.0) / _BINS
    trainings = [0.0] * _BINS
    use: dict[str, list[list[float]]] = {}
    for device, epoch, begun, ended in spans:
        for index in range(int((begun - first) / width), min(_BINS, int((ended - first) / width) + 1)):
            low = first + index * width
            trainings[index] += max(0.0, min(ended, low + width) - max(begun, low)) / width
            _note(use, device, epoch, index)
    moments = [datetime.fromtimestamp(first + (i + 0.5) * width, UTC) for i in range(_BINS)]
    figure = Figure(
        Scatter(
            x=moments,
            y=[round(t, 3) for t in trainings],
            name="concurrent trainings",
            mode="lines",
            line={"shape": "hvh", "color": CONVOLUTION, "width": 1},
            fill="tozeroy",
            fillcolor="rgba(0,114,178,0.18)",
        )
    )
    for colour, (device, bins) in zip(SERIES[1:], sorted(use.items()), strict=False):
        figure.add_trace(
            Scatter(
                x=moments,
                y=[sum(bin_) / len(bin_) if bin_ else None for bin_ in bins],
                name=f"{device}, utilisation",
                mode="lines",
                line={"color": colour},
                yaxis="y2",
            )
        )
    layout = {"yaxis2": {"overlaying": "y", "side": "right", "range": [0, 1.02], "tickformat": ".0%"}}
    title = "GPU utilisation" if use else "Concurrent trainings"
    return styled(
        figure, title, x="time, UTC", y="trainings", yaxis_rangemode="tozero", **(layout if use else {})
    )


def _note(use: dict[str, list[list[float]]], device: str | None, epoch: Epoch, index: int) -> None:
    if device is not None and epoch.device_use is not None:
        use.setdefault(device, [[] for _ in range(_BINS)])[index].append(epoch.device_use)
