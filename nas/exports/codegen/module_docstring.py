"""Writes the docstring of an exported file: what it is, what it takes, where it comes from."""

from typing import Final

from nas.exports.exported_network import ExportedNetwork
from search_spaces.units import format_bytes, format_count

_ON_THE_CARD: Final = frozenset({"data", "recipe", "seed", "versions"})
_DOCSTRING: Final = '''"""{name}: an image classifier, [b, {channels}, {side}, {side}] -> [b, {classes}].

{macs} multiply-accumulates, {params} parameters, {peak} of activations at most (fp32, batch 1).
{provenance}

    from safetensors.torch import load_file

    network = {name}()
    network.load_state_dict(load_file("{name}.safetensors"))

Images are pixels in [0, 1], minus {mean}, divided by {std}.
"""'''


def about(delivery: ExportedNetwork) -> str:
    """Return the docstring of the file of a delivery, quotes included."""
    channels, side, _ = delivery.shape
    told = {topic: text for topic, text in delivery.provenance.items() if topic not in _ON_THE_CARD}
    return _DOCSTRING.format(
        name=delivery.name,
        channels=channels,
        side=side,
        classes=delivery.num_classes,
        macs=format_count(float(delivery.costs.macs)),
        params=format_count(float(delivery.costs.params)),
        peak=format_bytes(float(delivery.costs.peak)),
        provenance="\n".join(f"{topic.capitalize()}: {_quoted(text)}" for topic, text in told.items()),
        mean=", ".join(f"{x:.6g}" for x in delivery.mean),
        std=", ".join(f"{x:.6g}" for x in delivery.std),
    )


def _quoted(text: str) -> str:
    """Return text on one line that may stand in a docstring."""
    return " ".join(text.split()).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
