"""Gives a published network a stem for small images, which keeps the pixels that photographs can spare."""

from dataclasses import replace

from search_spaces.architecture import Architecture, options_of

_STEMS = {"pyramid": ("stem_stride", 2), "patchified": ("patch", 4)}  # with the published stride or side


def with_small_stem(network: Architecture, side: int) -> Architecture | None:
    """Return a network for images of `side` pixels as they are; None for one that does not shrink so.

    The stem halves its stride or patch, the first stage that strides does not: at 32 pixels the last map of
    the published networks is then 4 x 4 instead of 1 x 1.

    Args:
        network: The published network.
        side: Side of the images in pixels.
    """
    first = next((i for i, stage in enumerate(network.stages) if stage.stride > 1), None)
    if first is None or network.network not in _STEMS:
        return None
    name, published = _STEMS[network.network]
    options = dict(network.options)
    options[name] = int(options.get(name) or published) // 2
    stages = tuple(replace(s, stride=1) if i == first else s for i, s in enumerate(network.stages))
    return replace(network, resolution=side, stages=stages, options=options_of(options))
