"""A model card: what the network is, what it takes, where it comes from, how to use it."""

from pathlib import Path
from typing import Final

from typing_extensions import override

from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import Exporter
from search_spaces.architecture import Stage
from search_spaces.costs import format_cost, label_of
from search_spaces.counting import count
from search_spaces.units import format_bytes, format_count

_CARD: Final = """---
pipeline_tag: image-classification
tags: [image-classification, neural-architecture-search]
license: apache-2.0
---

# {name}

An image classifier, [b, {channels}, {side}, {side}] -> [b, {num_classes}], found by neural architecture
search.

| what it takes | at batch 1 |
| --- | --- |
{costs}

Multiply-accumulates (MACs) are those of convolutions, linear layers and attention products. The peak is of
activations alive at once in fp32, weights not counted.{forms}

## Where it comes from

| | |
| --- | --- |
{provenance}

{front_networks}## Architecture

| stage | block | channels | depth | stride |
| --- | --- | --- | --- | --- |
{stages}

Network `{network}` at {side} x {side} pixels{options}. `architecture.json` has it for machines.

## Use

```python
from safetensors.torch import load_file
from {name} import {name}

network = {name}()
network.load_state_dict(load_file("{name}.safetensors"))
network.eval()
```

Images are pixels in [0, 1], minus {mean}, divided by {std}, bilinearly resized to {side} x {side}.
`{name}(num_classes=..., in_channels=...)` builds it with fresh weights for other data, and
`{name}(features_only=True)` returns the maps after all stages. timm builds it by its name once
`timm_{name}.py` is imported.

## Train

```sh
python train.py path/to/images                                    # from scratch, with the recipe above
python train.py path/to/images --weights {name}.safetensors  # from these weights
```

Images are a folder with one folder a class. Another number of classes than {num_classes} gets a new head.

{classes}## Licence

The code is Apache-2.0, as the blocks it is made of. The weights are the property of whoever trained them and
are bound by the terms of the images they were trained on.
"""


class Card(Exporter):
    """Writes ``README.md``."""

    @override
    def files(self, name: str) -> tuple[str, ...]:
        del name
        return ("README.md",)

    @override
    def write(self, delivery: ExportedNetwork, folder: Path) -> None:
        architecture = delivery.architecture
        channels, side, _ = delivery.shape
        options = ", ".join(f"{name} {value}" for name, value in architecture.options)
        text = _CARD.format(
            name=delivery.name,
            channels=channels,
            side=side,
            num_classes=delivery.num_classes,
            costs=_rows(_costs(delivery)),
            forms=_forms(delivery),
            provenance=_rows(dict(delivery.provenance)),
            front_networks=_front_networks(delivery),
            stages="\n".join(_stage(number, stage) for number, stage in enumerate(architecture.stages, 1)),
            network=architecture.network,
            options=f" with {options}" if options else "",
            mean=", ".join(f"{x:.6g}" for x in delivery.mean),
            std=", ".join(f"{x:.6g}" for x in delivery.std),
            classes=_classes(delivery),
        )
        (folder / "README.md").write_text(text, encoding="utf-8")


def _costs(delivery: ExportedNetwork) -> dict[str, str]:
    costs = delivery.costs
    worded = {
        "macs": ("MACs", f"{format_count(float(costs.macs))} ({costs.macs:,})"),
        "params": ("parameters", f"{format_count(float(costs.params))} ({costs.params:,})"),
        "activations": ("activations", f"{format_count(float(costs.activations))} elements written"),
        "peak": ("peak memory", f"{format_bytes(float(costs.peak))} of activations"),
        "weights": ("weights", f"{format_bytes(float(costs.weights))} in fp32"),
    }
    return dict(worded.get(name, (label_of(name), format_cost(name, cost))) for name, cost in costs.items())


def _forms(delivery: ExportedNetwork) -> str:
    """Return a paragraph on both forms of a network that has two."""
    if not delivery.deploys:
        return ""
    trained = count(delivery.architecture, num_classes=delivery.num_classes, in_channels=delivery.in_channels)
    held = "for inference" if delivery.deploy else "for training; `switch_to_deploy()` returns the other"
    macs, params = format_count(float(trained.macs)), format_count(float(trained.params))
    return (
        f" They are of the form for inference; in training it has {macs} MACs and {params} parameters. The "
        f"weights are those {held}."
    )


def _front_networks(delivery: ExportedNetwork) -> str:
    if not delivery.front_networks:
        return ""
    head = list(delivery.front_networks[0])
    rows = [" | ".join(_cell(network.get(key, "")) for key in head) for network in delivery.front_networks]
    table = [" | ".join(map(_cell, head)), " | ".join("---" for _ in head), *rows]
    return "## Other networks of its front\n\n" + "\n".join(f"| {row} |" for row in table) + "\n\n"


def _stage(number: int, stage: Stage) -> str:
    choices = ", ".join(f"{name} {value}" for name, value in stage.options if name != "mixer")
    block = " of ".join(filter(None, [stage.block, stage.mixer])) + (f" ({choices})" if choices else "")
    return f"| {number} | {_cell(block)} | {stage.channels} | {stage.depth} | {stage.stride} |"


def _classes(delivery: ExportedNetwork) -> str:
    if not delivery.classes:
        return ""
    return f"## Classes\n\n{', '.join(map(_cell, delivery.classes))}\n\n"


def _rows(facts: dict[str, str]) -> str:
    return "\n".join(f"| {_cell(name)} | {_cell(value)} |" for name, value in facts.items())


def _cell(text: str) -> str:
    """Return text on one line that may stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")


EXPORTER = Card()
