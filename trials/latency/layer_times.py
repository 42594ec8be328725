"""Time, MACs, memory traffic and efficiency of each layer, relative to the peak rates of a device."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from trials.latency.latency import Condition
from trials.latency.module_costs import ModuleCost


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTime:
    """Time of one module of a network, as executed by a runtime at batch 1.

    Attributes:
        name: Path of the module, for example ``stages.1.0.mix.1.conv``.
        kind: Runtime's name of its slowest operation.
        macs: Number of multiply-accumulates.
        moved_bytes: Bytes that its operations read and wrote, including weights.
        time_ms: Median over runs, in milliseconds, above 0.
    """

    name: str
    kind: str
    macs: int
    moved_bytes: int
    time_ms: float

    @property
    def block(self) -> str:
        """Path of its block: ``stages.1.0``, or the stem, neck or head."""
        parts = self.name.split(".")
        return ".".join(parts[:3]) if parts[0] == "stages" else parts[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTimes:
    """Times of the layers of a network on one target.

    A layer's efficiency is the rate of its multiply-accumulates as a share of the peak, so that
    time = MACs / (peak x efficiency) (Lavin, 2024, https://arxiv.org/abs/2404.03617).

    Attributes:
        layers: Layers in the order of execution.
        peak_macs_per_ms: Peak compute rate: that of dense convolutions or of the fastest layer.
        peak_bytes_per_ms: Peak rate of main memory; data in a cache may be faster.
        conditions: Conditions of the measurement, see `trials.latency.latency.Latency`.
    """

    layers: tuple[LayerTime, ...]
    peak_macs_per_ms: float
    peak_bytes_per_ms: float
    conditions: Mapping[str, Condition]

    @property
    def time_ms(self) -> float:
        """Sum of the times of all layers, in milliseconds."""
        return sum(layer.time_ms for layer in self.layers)

    @property
    def ideal_ms(self) -> float:
        """Time of all multiply-accumulates at the peak rate, in milliseconds."""
        return sum(layer.macs for layer in self.layers) / self.peak_macs_per_ms

    def blocks(self) -> list[LayerTime]:
        """Return the blocks, each as one layer, in the order of execution."""
        found: dict[str, list[LayerTime]] = {}
        for layer in self.layers:
            found.setdefault(layer.block, []).append(layer)
        return [_merged(name, members) for name, members in found.items()]

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, as JSON has them."""
        return {**asdict(self), "layers": [asdict(layer) for layer in self.layers]}


def layer_times(
    profile: Mapping[str, Any],
    modules: Mapping[str, ModuleCost],
    peak_macs: int,
    conditions: Mapping[str, Condition],
) -> LayerTimes:
    """Return the layers of a runtime's profile with the costs of their modules.

    A module that the runtime fused into another counts as part of that one.

    Args:
        profile: Profile, see `trials.latency.onnx_profiler.time_layers`.
        modules: Costs of the modules, see `trials.latency.module_costs.module_costs`.
        peak_macs: Multiply-accumulates of the model that measures the peak compute rate.
        conditions: Conditions of the measurement, ``dtype`` among them.
    """
    names = [layer["name"] for layer in profile["layers"]]
    owned: dict[str, ModuleCost] = defaultdict(ModuleCost)
    for path, module in modules.items():
        owned[_executed_in(path, names)] += module
    layers = tuple(_layer(fields, owned[fields["name"]], conditions["dtype"]) for fields in profile["layers"])
    rates = [layer.macs / layer.time_ms for layer in layers]
    return LayerTimes(
        layers=layers,
        peak_macs_per_ms=max(peak_macs / profile["peak_ms"], *rates),
        peak_bytes_per_ms=profile["stream_bytes_per_ms"],
        conditions=conditions,
    )


def _layer(fields: Mapping[str, Any], module: ModuleCost, dtype: Condition) -> LayerTime:
    weights_bytes = module.weights * (1 if dtype == "int8" else 4)
    moved_bytes = fields["moved_bytes"] + weights_bytes
    return LayerTime(**{**fields, "macs": module.macs, "moved_bytes": moved_bytes})


def _executed_in(module: str, names: Sequence[str]) -> str:
    """Return the name of the layer that a module was executed in, or of the nearest one."""
    scope = module
    while scope:
        for name in names:
            if name == scope or name.startswith(scope + "."):
                return name
        scope = scope.rpartition(".")[0]
    return names[0]


def _merged(name: str, members: Iterable[LayerTime]) -> LayerTime:
    layers = list(members)
    return LayerTime(
        name=name,
        kind=max(layers, key=lambda layer: layer.time_ms).kind,
        macs=sum(layer.macs for layer in layers),
        moved_bytes=sum(layer.moved_bytes for layer in layers),
        time_ms=sum(layer.time_ms for layer in layers),
    )
