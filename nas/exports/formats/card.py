"""Export format card: a README.md with costs, provenance, architecture, usage and licence."""

from pathlib import Path
from typing import Final

from typing_extensions import override

from dashboards.markdown_text import escaped
from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import Exporter
from search_spaces.architecture import Stage
from search_spaces.costs import format_cost, label_of
from search_spaces.counting import count
from search_spaces.stage_words import stage_in_words
from search_spaces.units import format_bytes, format_count
from search_spaces.weight_bits import marked_blocks

_CARD: Final = """---
pipeline_tag: image-classification
tags: [image-classification, neural-architecture-search]
license: {code_licence}
---

# {name}

An image classifier, [b, {channels}, {side}, {side}] -> [b, {num_classes}], found by neural architecture
search.

| cost | at batch 1 |
| --- | --- |
{costs}

Multiply-accumulates (MACs) count convolutions, linear layers and attention products. Peak memory is the
maximum size of the activations in memory at the same time, in fp32, without weights.{forms}

## Provenance

| | |
| --- | --- |
{provenance}

{front_networks}## Architecture

| stage | block | channels | depth | stride |
| --- | --- | --- | --- | --- |
{stages}

Skeleton `{network}` at {side} x {side} pixels{options}. `architecture.json` describes the network in full.

## Use

```python
from safetensors.torch import load_file
from {name} import {name}

network = {name}()
network.load_state_dict(load_file("{name}.safetensors"))
network.eval()
```

Preprocessing: {decoding}scale pixels to [0, 1], subtract {mean}, divide by {std}{resizing}.{onnx}
`{name}(num_classes=..., in_channels=...)` builds the network with fresh weights for other data, and
`{name}(features_only=True)` returns the feature maps of all stages. After `import timm_{name}`, timm can
create the network by its name.

## Train

```sh
python train.py path/to/images  # from scratch, with the recipe above{training}
```

The folder has one subfolder of images for each class. Images that the search held out are recognised by
`held_out.json` and not trained on. With another number of classes than {num_classes}, the
head is new.

{classes}## Licence

The code is Apache-2.0, like the blocks it consists of. The weights belong to whoever trained them and are
subject to the terms of the images they were trained on.{licence}
"""

_ONNX: Final = """ `{name}.onnx` does all that itself: it takes images of any size, uint8
[batch, height, width, channels]."""


class Card(Exporter):
    """Writes ``README.md``."""

    @override
    def files(self, name: str) -> tuple[str, ...]:
        del name
        return ("README.md",)

    @override
    def write(self, exported: ExportedNetwork, folder: Path) -> None:
        architecture = exported.architecture
        channels, side, _ = exported.shape
        options = ", ".join(f"{name} {value}" for name, value in architecture.options)
        text = _CARD.format(
            name=exported.name,
            channels=channels,
            side=side,
            num_classes=exported.num_classes,
            costs=_rows(_costs(exported)),
            forms=_forms(exported),
            provenance=_rows(dict(exported.provenance)),
            front_networks=_front_networks(exported),
            stages="\n".join(_stage(number, stage) for number, stage in enumerate(architecture.stages, 1)),
            network=architecture.network,
            options=f" with {options}" if options else "",
            mean=", ".join(f"{x:.6g}" for x in exported.mean),
            std=", ".join(f"{x:.6g}" for x in exported.std),
            decoding=_decoding(exported),
            resizing=_resizing(exported),
            onnx=_ONNX.format(name=exported.name) if exported.with_preprocessing else "",
            training=_training(exported),
            classes=_classes(exported),
            code_licence=_front_matter_licence(exported),
            licence=_licence(exported),
        )
        (folder / "README.md").write_text(text, encoding="utf-8")


def _front_matter_licence(exported: ExportedNetwork) -> str:
    """Return the licence of the whole: ``other`` where the weights began with some under other terms."""
    given = exported.provenance.get("licence")
    return "apache-2.0" if given in {None, "apache-2.0"} else "other"


def _licence(exported: ExportedNetwork) -> str:
    """Return under which terms the weights are with which the training began."""
    given = exported.provenance.get("licence")
    if given is None:
        return ""
    begun = exported.provenance.get("began with")
    whose = f" of {begun}" if begun else ""
    return f"\n\nTheir training began with weights{whose}, whose licence is: {given}."


def _costs(exported: ExportedNetwork) -> dict[str, str]:
    costs = exported.costs
    worded = {
        "macs": ("MACs", f"{format_count(float(costs.macs))} ({costs.macs:,})"),
        "params": ("parameters", f"{format_count(float(costs.params))} ({costs.params:,})"),
        "activations": ("activations", f"{format_count(float(costs.activations))} elements written"),
        "peak": ("peak memory", f"{format_bytes(float(costs.peak))} of activations"),
        "weights": ("weights", _weights(exported)),
    }
    return dict(worded.get(name, (label_of(name), format_cost(name, cost))) for name, cost in costs.items())


def _weights(exported: ExportedNetwork) -> str:
    """Return what the weights take in fp32; of a network with some of 4 bits, in int8."""
    if marked_blocks(exported.network):
        return f"{format_bytes(exported.costs.weights / 4)} in int8, those of 4 bits packed"
    return f"{format_bytes(float(exported.costs.weights))} in fp32"


def _training(exported: ExportedNetwork) -> str:
    """Return the command that goes on from the weights; none where these are in another form."""
    if exported.deploy and exported.deploys:
        return ""
    return f"\npython train.py path/to/images --weights {exported.name}.safetensors  # from these weights"


def _forms(exported: ExportedNetwork) -> str:
    """Return sentences on the forms for inference and training, if they differ."""
    if not exported.deploys:
        return ""
    trained = count(exported.architecture, num_classes=exported.num_classes, in_channels=exported.in_channels)
    form = "for inference" if exported.deploy else "for training; `switch_to_deploy()` converts them"
    macs, params = format_count(float(trained.macs)), format_count(float(trained.params))
    return (
        f" These are the costs of the re-parameterised form for inference; in training the network has "
        f"{macs} MACs and {params} parameters. The weights are those {form}."
    )


def _front_networks(exported: ExportedNetwork) -> str:
    if not exported.front_networks:
        return ""
    head = list(exported.front_networks[0])
    rows = [" | ".join(_cell(network.get(key, "")) for key in head) for network in exported.front_networks]
    table = [" | ".join(map(_cell, head)), " | ".join("---" for _ in head), *rows]
    return "## Other networks of the Pareto front\n\n" + "\n".join(f"| {row} |" for row in table) + "\n\n"


def _stage(number: int, stage: Stage) -> str:
    return (
        f"| {number} | {_cell(stage_in_words(stage))} | {stage.channels} | {stage.depth} | {stage.stride} |"
    )


def _decoding(exported: ExportedNetwork) -> str:
    """Return how images are resized first, as the search decoded them."""
    if exported.decoded is None:
        return ""
    height, width, _ = exported.decoded
    return f"resize to {width} x {height} with Pillow's bilinear filter, without cropping, "


def _resizing(exported: ExportedNetwork) -> str:
    """Return how images are resized last, where they are not of the network's size by then."""
    side = exported.architecture.resolution
    if exported.decoded is not None and exported.decoded[:2] == (side, side):
        return ""
    return f", resize bilinearly to\n{side} x {side}, averaging where images shrink"


def _classes(exported: ExportedNetwork) -> str:
    if not exported.classes:
        return ""
    return f"## Classes\n\n{', '.join(map(_cell, exported.classes))}\n\n"


def _rows(facts: dict[str, str]) -> str:
    return "\n".join(f"| {_cell(name)} | {_cell(value)} |" for name, value in facts.items())


def _cell(text: str) -> str:
    """Return text on one line of a Markdown table."""
    return escaped(" ".join(text.split()))


EXPORTER = Card()
