"""Finds which published network a state dict is of, and gives its tensors the names of our network."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from search_spaces.architecture import Architecture, Option, options_of
from search_spaces.building import build
from search_spaces.errors import WeightsError
from search_spaces.published import reference, references
from trials.pretrained.names import NAMES, Naming, Part, parts_of
from trials.pretrained.usual_preprocessing import Normalisation, usual_preprocessing

# The dimension of a tensor that classes, or channels of images, decide.
_FREE: Final = {"stem.0.weight": 1} | {
    f"{head}.{name}": 0 for head in ("head", "head.second") for name in ("weight", "bias")
}
_PIXELS: Final = re.compile(r"(?<!\d)(\d{2,3})(?!\d)")


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A state dict as a published network.

    Attributes:
        published: Name of the published network.
        architecture: Its architecture, with the options that these weights need.
        weights: The tensors by the names of our network.
        library: The library whose names they had.
        normalisation: Mean and deviation by which images are usually normalised for such weights.
        notes: Guesses that were made, one sentence each.
    """

    published: str
    architecture: Architecture
    weights: dict[str, Tensor]
    library: str
    normalisation: Normalisation
    notes: tuple[str, ...] = ()


def match(
    state: Mapping[str, Tensor], source: str, *, named: str | None = None, side: int | None = None
) -> Match:
    """Return the published network that a state dict is of.

    Args:
        state: Tensors by the names of some library, or of ours.
        source: File or model that they come from; its name may say which of several equal networks it is.
        named: Name of the published network if it is known.
        side: Side of its images in pixels if it is known.

    Raises:
        WeightsError: if it is none that is known; names the nearest.
    """
    naming = _naming(state)
    if naming is None and not ({"stem.0.weight", "head.weight"} <= set(state)):
        raise WeightsError(
            f"Cannot use the weights '{source}': their parameter names ({', '.join(list(state)[:3])}…) are "
            f"of no library that is known: {', '.join(sorted({NAMES[n].library for n in NAMES}))}. Expected "
            f"weights of a published network (see nas networks)."
        )
    candidates = [named] if named else _candidates(naming)
    found = {name: _fit(name, naming, state) for name in candidates}
    whole = [name for name, fit in found.items() if not fit.wrong]
    if not whole:
        raise _other(found, source)
    name, notes = _chosen(whole, source, side)
    options = {} if naming is None else naming.overrides(name, source)
    decided = "" if naming is None else naming.note(name, source)
    normalisation = None if naming is None else naming.normalisation(name, source)
    return Match(
        name,
        _with_options(reference(name), options),
        found[name].weights,
        "this project" if naming is None else naming.library,
        normalisation or usual_preprocessing(name),
        (*notes, decided) if decided else notes,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    weights: dict[str, Tensor]
    wrong: list[str]
    total: int


def _naming(state: Mapping[str, Tensor]) -> Naming | None:
    return next((NAMES[name] for name in NAMES if NAMES[name].recognises(state)), None)


def _candidates(naming: Naming | None) -> list[str]:
    """Return the published networks that a way of naming is for, one for each architecture but its size."""
    return [name for name in references() if naming is None or name.startswith(naming.families)]


def _fit(name: str, naming: Naming | None, state: Mapping[str, Tensor]) -> _Fit:
    """Return the tensors of a state dict under our names, and the names of those that do not fit."""
    shapes, parts = _layout(_without_size(name))
    try:
        paths = None if naming is None else naming.paths(parts, state)
    except (LookupError, ValueError):
        return _Fit({}, list(shapes), len(shapes))
    weights, wrong, used = {}, list[str](), set[str]()
    for ours, shape in shapes.items():
        theirs = ours if paths is None else _theirs(ours, paths)
        tensor = state.get(theirs)
        if tensor is None and ours.endswith("num_batches_tracked"):
            tensor = torch.zeros((), dtype=torch.int64)
        fits = tensor is not None and _alike(tuple(tensor.shape), shape, free=_free(ours))
        if tensor is None or not fits:
            wrong.append(ours)
        else:
            kept = (tensor.shape[0], *shape[1:]) if _free(ours) == 0 else shape
            weights[ours] = tensor.detach().reshape(_reshaped(tensor, kept, ours)).clone()
            used.add(theirs)
    more = [k for k in state if k not in used and not k.endswith("num_batches_tracked")]
    return _Fit(weights, wrong + more, len(shapes) + len(more))


def _theirs(ours: str, paths: Mapping[str, str]) -> str:
    """Return the name there of one of our tensors: of a bare parameter, or of one of a module."""
    module, _, last = ours.rpartition(".")
    return paths[ours] if ours in paths else f"{paths.get(module, '?')}.{last}"


def _free(ours: str) -> int | None:
    """Return the dimension of a tensor that classes or channels of images decide; None for none."""
    return _FREE.get(ours)


def _alike(found: tuple[int, ...], expected: tuple[int, ...], *, free: int | None) -> bool:
    """Return whether shapes are equal but for sides of 1 and one that may be any."""
    if free is not None:
        if len(found) != len(expected):
            return False
        return all(a == b for i, (a, b) in enumerate(zip(found, expected, strict=True)) if i != free)
    return [s for s in found if s > 1] == [s for s in expected if s > 1]


def _reshaped(tensor: Tensor, kept: tuple[int, ...], ours: str) -> tuple[int, ...]:
    return tuple(tensor.shape) if _free(ours) == 1 else kept


def _without_size(name: str) -> str:
    """Return the first published network of the same layers, whatever its images' size."""
    start = name.rpartition("_")[0]
    return next(other for other in references() if other.rpartition("_")[0] == start)


@cache
def _layout(name: str) -> tuple[dict[str, tuple[int, ...]], list[Part]]:
    """Return the shape of each tensor of a published network, and its parts."""
    architecture = reference(name)
    with torch.device("meta"):
        network: nn.Module = build(architecture, num_classes=1000)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    return shapes, parts_of(network, [stage.block for stage in architecture.stages])


def _chosen(names: Sequence[str], source: str, side: int | None) -> tuple[str, tuple[str, ...]]:
    """Return one of several published networks of equal layers, by the sizes that the source's name has."""
    if len(names) == 1:
        return names[0], ()
    sizes = {side} if side else {int(size) for size in _PIXELS.findall(Path(source).name)}
    by_name = [name for name in names if reference(name).resolution in sizes]
    if len(by_name) == 1:
        return by_name[0], ()
    name = max(names, key=lambda one: reference(one).resolution)
    return name, (f"The weights suit {', '.join(names)}: {name} is taken, the largest images.",)


def _other(found: Mapping[str, _Fit], source: str) -> WeightsError:
    """Return the error for weights that no published network has, with the nearest."""
    name, fit = min(found.items(), key=lambda item: len(item[1].wrong) / item[1].total)
    return WeightsError(
        f"Cannot use the weights '{source}': they are of another architecture than every published network "
        f"that is known. The nearest is {name}, of which {len(fit.wrong)} of {fit.total} tensors are "
        f"missing, more or of another shape, the first {fit.wrong[0]}."
    )


def _with_options(architecture: Architecture, options: Mapping[str, Option]) -> Architecture:
    """Return the architecture with options of its blocks and skeleton changed, where they take them."""
    stages = tuple(
        replace(stage, options=options_of({**dict(stage.options), **options}))
        if stage.block == "inverted_residual"
        else stage
        for stage in architecture.stages
    )
    merged = options_of({**dict(architecture.options), **options})
    return replace(architecture, stages=stages, options=merged) if options else architecture
