"""Where the time of a network goes, layer by layer, against what the device could do at best."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from trials.latency.latency import Condition
from trials.latency.module_costs import Module


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTime:
    """One module of a network as a runtime executed it at batch 1.

    Attributes:
        name: Path of the module, for example ``stages.1.0.mix.1.conv``.
        kind: The runtime's name of the operation that took longest in it.
        macs: Multiply-accumulates.
        moved_bytes: Of everything that its operations read and wrote, weights included.
        time_ms: Median over runs; above 0.
    """

    name: str
    kind: str
    macs: int
    moved_bytes: int
    time_ms: float

    @property
    def block(self) -> str:
        """The block it belongs to: ``stages.1.0``, or the stem, neck or head."""
        parts = self.name.split(".")
        return ".".join(parts[:3]) if parts[0] == "stages" else parts[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTimes:
    """The layers of a network on one target.

    A layer's efficiency is the rate of its multiply-accumulates as a share of the peak, so that
    time = MACs / (peak x efficiency) (Lavin, 2024, https://arxiv.org/abs/2404.03617).

    Attributes:
        layers: In the order in which they ran.
        peak_macs_per_ms: Of dense convolutions on the target, or of the quickest layer here.
        peak_bytes_per_ms: To and from main memory; what fits a cache may be quicker.
        conditions: See `trials.latency.latency.Latency`.
    """

    layers: tuple[LayerTime, ...]
    peak_macs_per_ms: float
    peak_bytes_per_ms: float
    conditions: Mapping[str, Condition]

    @property
    def time_ms(self) -> float:
        """Of all layers, one after the other."""
        return sum(layer.time_ms for layer in self.layers)

    @property
    def ideal_ms(self) -> float:
        """What their multiply-accumulates would take at the peak rate."""
        return sum(layer.macs for layer in self.layers) / self.peak_macs_per_ms

    def blocks(self) -> list[LayerTime]:
        """Return the blocks as if each were one layer, in the order in which they ran."""
        found: dict[str, list[LayerTime]] = {}
        for layer in self.layers:
            found.setdefault(layer.block, []).append(layer)
        return [_joined(name, members) for name, members in found.items()]

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, as JSON has them."""
        return {**asdict(self), "layers": [asdict(layer) for layer in self.layers]}


def layer_times(
    told: Mapping[str, Any],
    modules: Mapping[str, Module],
    peak_macs: int,
    conditions: Mapping[str, Condition],
) -> LayerTimes:
    """Return what a runtime told about a network's layers with what its modules compute and hold.

    A module that the runtime fused into another counts there.

    Args:
        told: See `trials.latency.onnx_layers.time_layers`.
        modules: See `trials.latency.module_costs.modules_of`.
        peak_macs: Of the model that computes as fast as the device can.
        conditions: What the times hold for, ``dtype`` among them.
    """
    names = [layer["name"] for layer in told["layers"]]
    owned: dict[str, Module] = defaultdict(Module)
    for path, module in modules.items():
        owned[_executed_in(path, names)] += module
    layers = tuple(_layer(fields, owned[fields["name"]], conditions["dtype"]) for fields in told["layers"])
    rates = [layer.macs / layer.time_ms for layer in layers]
    return LayerTimes(
        layers=layers,
        peak_macs_per_ms=max(peak_macs / told["peak_ms"], *rates),
        peak_bytes_per_ms=told["stream_bytes_per_ms"],
        conditions=conditions,
    )


def _layer(fields: Mapping[str, Any], module: Module, dtype: Condition) -> LayerTime:
    weights_bytes = module.weights * (1 if dtype == "int8" else 4)
    moved_bytes = fields["moved_bytes"] + weights_bytes
    return LayerTime(**{**fields, "macs": module.macs, "moved_bytes": moved_bytes})


def _executed_in(module: str, names: Sequence[str]) -> str:
    """Return the layer that a module is, or its nearest relative."""
    scope = module
    while scope:
        for name in names:
            if name == scope or name.startswith(scope + "."):
                return name
        scope = scope.rpartition(".")[0]
    return names[0]


def _joined(name: str, members: Iterable[LayerTime]) -> LayerTime:
    layers = list(members)
    return LayerTime(
        name=name,
        kind=max(layers, key=lambda layer: layer.time_ms).kind,
        macs=sum(layer.macs for layer in layers),
        moved_bytes=sum(layer.moved_bytes for layer in layers),
        time_ms=sum(layer.time_ms for layer in layers),
    )
