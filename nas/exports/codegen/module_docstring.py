"""Generates the docstring of an exported module: shapes, costs, provenance, usage."""

from typing import Final

from nas.exports.exported_network import ExportedNetwork
from search_spaces.units import format_bytes, format_count

_ON_THE_CARD: Final = frozenset({"data", "recipe", "seed", "versions", "chosen", "test images"})
_DOCSTRING: Final = '''"""{name}: an image classifier, [b, {channels}, {side}, {side}] -> [b, {classes}].

{macs} multiply-accumulates, {params} parameters, {peak} peak memory of activations (fp32, batch 1).
{provenance}

    from safetensors.torch import load_file

    network = {name}()
    network.load_state_dict(load_file("{name}.safetensors"))

Preprocessing: pixels in [0, 1], minus {mean}, divided by {std}.
"""'''


def about(exported: ExportedNetwork) -> str:
    """Return the docstring of an exported module, quotes included."""
    channels, side, _ = exported.shape
    topics = {topic: text for topic, text in exported.provenance.items() if topic not in _ON_THE_CARD}
    return _DOCSTRING.format(
        name=exported.name,
        channels=channels,
        side=side,
        classes=exported.num_classes,
        macs=format_count(float(exported.costs.macs)),
        params=format_count(float(exported.costs.params)),
        peak=format_bytes(float(exported.costs.peak)),
        provenance="\n".join(f"{topic.capitalize()}: {quoted(text)}" for topic, text in topics.items()),
        mean=", ".join(f"{x:.6g}" for x in exported.mean),
        std=", ".join(f"{x:.6g}" for x in exported.std),
    )


def quoted(text: str) -> str:
    """Return text on one line, escaped for a docstring."""
    return " ".join(text.split()).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
