"""Networks to export: one around every mixer and every block in the registries, and random ones."""

import importlib.util
import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import search_spaces
from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import EXPORTERS
from search_spaces.architecture import Architecture, Option, Stage, options_of
from search_spaces.blocks import BLOCKS
from search_spaces.catalog import SPACES
from search_spaces.mixers import MIXERS
from search_spaces.networks import NETWORKS

PROVENANCE = {
    "budget": "300M-MACs",
    "study": 'a "study"',
    "version": "0.1.0",
    "command": "nas search --budget 300M-MACs",
}


HAS_LITERT = importlib.util.find_spec("litert_torch") is not None


def available_forms() -> list[str]:
    """Return the names of the exporters whose extras are installed."""
    return [form for form in EXPORTERS if HAS_LITERT or not form.startswith("litert")]


def around_mixer(mixer: str, resolution: int = 32) -> Architecture:
    """Return a small network with this mixer in two stages of different width."""
    stages = tuple(
        Stage(block="metaformer", channels=c, depth=2, stride=2, options=options_of({"mixer": mixer}))
        for c in (16, 32)
    )
    return Architecture(network="pyramid", resolution=resolution, stages=stages)


def of_block(block: str) -> Architecture:
    """Return a small network of this block, around a depthwise convolution if it takes a mixer."""
    mixer = {"mixer": "depthwise"} if "mixer" in _parameters(BLOCKS[block]) else {}
    stages = tuple(
        Stage(block=block, channels=c, depth=2, stride=2, options=options_of(mixer)) for c in (16, 32)
    )
    return Architecture(network="pyramid", resolution=32, stages=stages)


def of_left_out_layers() -> Architecture:
    """Return a small network that leaves layers out where the shape changes and where it stays."""
    stages = tuple(
        Stage(
            block="optional_inverted_residual",
            channels=channels,
            depth=1,
            stride=stride,
            options=options_of({"form": form}),
        )
        for channels, stride, form in ((16, 2, "k3_e3"), (16, 1, "skip"), (32, 2, "skip"), (32, 1, "skip"))
    )
    return Architecture(network="pyramid", resolution=32, stages=stages)


def of_different_blocks() -> Architecture:
    """Return a small network with what blocks and skeletons offer besides mixers, and attention in places."""
    conv: dict[str, Option] = {"mixer": "depthwise", "kernel": 5, "mlp": "conv_glu", "down": "anti_aliased"}
    attention: dict[str, Option] = {**conv, "mixer": "separable_attention"}
    del attention["kernel"]
    blocks = [options_of({**conv, "dilation": rate}) for rate in (1, 2)]
    stages = (
        Stage.made_of("metaformer", 16, 2, [*blocks, options_of(attention), blocks[0]]),
        Stage(
            block="metaformer",
            channels=32,
            depth=1,
            stride=2,
            options=options_of({"mixer": "depthwise", "down": "space_to_depth"}),
        ),
    )
    options = options_of({"stem_form": "patch"})
    return Architecture(network="pyramid", resolution=32, stages=stages, options=options)


def random_networks(count: int) -> Iterator[Architecture]:
    """Yield networks drawn from every space of the catalog in turn, made small."""
    rng = np.random.default_rng(0)
    names = sorted(SPACES)
    for number in range(count):
        yield _small(SPACES[names[number % len(names)]].sample(rng))


def of_all_parts(count: int) -> Iterator[Architecture]:
    """Yield random networks of four stages in which every block and every mixer stands again and again."""
    rng = np.random.default_rng(1)
    blocks = [name for name in BLOCKS if "mixer" in _parameters(BLOCKS[name])]
    mixers = [str(name) for _ in range(count) for name in rng.permutation(sorted(MIXERS))]
    for number in range(count):
        stages = []
        for stage, mixer in enumerate(mixers[3 * number : 3 * number + 3]):
            channels = 16 * int(rng.integers(1, 4))
            block, expansion = str(rng.choice(blocks)), int(rng.integers(1, 4))
            chosen: dict[str, Option] = {"mixer": mixer}
            if "expansion" in _parameters(BLOCKS[block]):
                chosen["expansion"] = expansion
            stages.append(
                Stage(
                    block=block,
                    channels=channels,
                    depth=int(rng.integers(1, 3)),
                    stride=1 + (stage < 2),
                    options=options_of(chosen | _kernel(mixer, rng)),
                )
            )
        gated: dict[str, Option] = {
            "kernel": int(rng.choice([3, 5])),
            "expansion": int(rng.choice([1, 4])),
            "gate": str(rng.choice(["none", "squeeze_excite", "hard_squeeze_excite", "efficient_channel"])),
            "activation": str(rng.choice(["relu6", "hard_swish"])),
        }
        last = Stage(block="inverted_residual", channels=32, depth=2, stride=2, options=options_of(gated))
        options = options_of({"head_channels": int(rng.choice([0, 64]))})
        yield Architecture(network="pyramid", resolution=48, stages=(*stages, last), options=options)


def _kernel(mixer: str, rng: np.random.Generator) -> dict[str, int]:
    """Return another kernel than the default, for a mixer that has one."""
    return {"kernel": int(rng.choice([5, 7]))} if "kernel" in _parameters(MIXERS[mixer]) else {}


def _small(architecture: Architecture) -> Architecture:
    """Return the same blocks and choices, narrow, shallow and on small images."""
    stages = tuple(
        replace(s, channels=max(16, s.channels // 64 * 16), depth=min(s.depth, 2), overrides=s.overrides[-2:])
        for s in architecture.stages
    )
    return replace(architecture, resolution=64, stages=stages)


def trained(architecture: Architecture, *, num_classes: int = 10, in_channels: int = 3) -> nn.Module:
    """Return a network whose batch norms and biases are as far from their start as training leaves them."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = search_spaces.build(architecture, num_classes=num_classes, in_channels=in_channels)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point() and value.ndim == 1:
                noise = torch.rand(value.shape, generator=generator)
                value.copy_(value + 0.2 * noise if "var" in name else value + 0.2 * (noise - 0.5))
    return network.eval()


def network_to_export(architecture: Architecture, *, name: str = "my_net", **known: Any) -> ExportedNetwork:
    """Return a network on its way out."""
    fields: dict[str, Any] = {
        "num_classes": 10,
        "in_channels": 3,
        "mean": (0.5, 0.5, 0.5),
        "std": (0.25, 0.25, 0.25),
        "provenance": PROVENANCE,
        "recipe": {"name": "short", "epochs": 2},
        **known,
    }
    side = architecture.resolution
    sizes = {"num_classes": fields["num_classes"], "in_channels": fields["in_channels"]}
    generator = torch.Generator().manual_seed(1)
    fields.setdefault("calibration", torch.randn(8, fields["in_channels"], side, side, generator=generator))
    weights = fields.pop("weights", None) or trained(architecture, **sizes).state_dict()
    return ExportedNetwork(name=name, architecture=architecture, weights=weights, **fields)


def every_part() -> dict[str, Architecture]:
    """Return a network around each mixer, of each block and on each skeleton, by what it shows."""
    found = {f"mixer-{name}": around_mixer(name) for name in MIXERS}
    found |= {f"block-{name}": of_block(name) for name in BLOCKS}
    found["block-left-out"] = of_left_out_layers()
    found["blocks-that-differ"] = of_different_blocks()
    return found | {f"network-{name}": replace(around_mixer("depthwise"), network=name) for name in NETWORKS}


def names_in(folder: Path) -> set[str]:
    """Return the names of all files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _parameters(block: Callable[..., nn.Module]) -> set[str]:
    return set(inspect.signature(block).parameters)
