"""`StageForms`: numbers the stages that a menu stands for under each pair of depth factors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Options, Stage
from search_spaces.inner_depth import Inside
from search_spaces.options import routed
from search_spaces.stage_choices import MenuItem, StageSpace, realised_depth, stage_slots
from search_spaces.weight_bits import bits_of

Ints: TypeAlias = NDArray[np.int64]
Menu: TypeAlias = tuple[MenuItem, ...]


@dataclass(frozen=True, slots=True, eq=False)
class StageForms:
    """What a stage may be, whatever its channels: forms, each a sequence of blocks.

    Attributes:
        blocks: The distinct blocks, each a stage of one block at width 1, with the stride of the stage.
        sequences: The blocks of each form, in the order in which they run.
        depth: The number of blocks of each menu item, [conv factors, attention factors, items].
        form: The form of each menu item, [conv factors, attention factors, items].
        width: The width factor of each menu item, [items].
        first: The first block of each form, [forms].
        rest: Different blocks behind the first of each form, [forms, k].
        count: How often each of these runs, [forms, k].
    """

    blocks: tuple[Stage, ...]
    sequences: tuple[tuple[int, ...], ...]
    depth: Ints
    form: Ints
    width: Ints
    first: Ints
    rest: Ints
    count: Ints

    def stage(self, form: int, channels: int) -> Stage:
        """Return the stage of a form."""
        sequence = self.sequences[form]
        block = self.blocks[sequence[0]]
        if len(set(sequence)) == 1:  # the usual one, without comparing options
            return Stage(
                block=block.block,
                channels=channels,
                depth=len(sequence),
                stride=block.stride,
                options=block.options,
            )
        options = [self.blocks[i].options for i in sequence]
        return Stage.made_of(block.block, channels, block.stride, options)


class FormLookup:
    """Finds the form of a stage, whichever defaults its options write out.

    Args:
        forms: What the stage may be.
        inside: What the factors of the space set inside its blocks, None for nothing.
    """

    def __init__(self, forms: StageForms, inside: Inside | None) -> None:
        self._inside: Final = inside
        self._names: Final = {block.block for block in forms.blocks}
        self._stride: Final = forms.blocks[0].stride
        self._blocks: Final = {_key(block): number for number, block in enumerate(forms.blocks)}
        self._forms: Final = {sequence: number for number, sequence in enumerate(forms.sequences)}

    def form_of(self, stage: Stage) -> int | None:
        """Return the form of a stage whatever its channels and those inside, None if it is none.

        Raises:
            ArchitectureError: if nobody takes an option.
        """
        if stage.block not in self._names or stage.stride != self._stride:
            return None
        if self._inside is not None:
            stage = self._inside.narrowed(stage)
        numbers = [(self._blocks.get(_key(run)), run.depth) for run in stage.runs]
        sequence = tuple(number for number, depth in numbers if number is not None for _ in range(depth))
        return self._forms.get(sequence) if len(sequence) == stage.depth else None


def stage_forms(menu: Menu, conv_depth: Sequence[float], attention_depth: Sequence[float]) -> StageForms:
    """Return the forms of a menu."""
    blocks: dict[object, int] = {}
    kept: list[Stage] = []
    sequences: dict[tuple[int, ...], int] = {}
    shape = (len(conv_depth), len(attention_depth), len(menu))
    depth, form = np.empty(shape, np.int64), np.empty(shape, np.int64)
    for i, item in enumerate(menu):
        numbers = {}
        for realised, options in item.by_depth.items():
            sequence = tuple(_numbered(item.stage, one, blocks, kept) for one in options)
            numbers[realised] = sequence
        factors = conv_depth if item.kind == "conv" else attention_depth
        for f, factor in enumerate(factors):
            realised = realised_depth(item.stage.depth, factor)
            at = (f, slice(None), i) if item.kind == "conv" else (slice(None), f, i)
            depth[at] = realised
            form[at] = sequences.setdefault(numbers[realised], len(sequences))
    first, rest, count = _counted(list(sequences))
    return StageForms(
        blocks=tuple(kept),
        sequences=tuple(sequences),
        depth=depth,
        form=form,
        width=np.array([item.width for item in menu], np.int64),
        first=first,
        rest=rest,
        count=count,
    )


def _numbered(stage: Stage, options: Options, blocks: dict[object, int], kept: list[Stage]) -> int:
    """Return the number of a block, a new one if it is the first of its kind."""
    given = (stage.block, options)
    if given not in blocks:
        single = Stage(
            block=stage.block, channels=stage.channels, depth=1, stride=stage.stride, options=options
        )
        key = _key(single)
        if key not in blocks:
            blocks[key] = len(kept)
            kept.append(single)
        blocks[given] = blocks[key]
    return blocks[given]


def _key(stage: Stage) -> object:
    """Return what equal blocks have in common, whichever defaults are written out."""
    of_block, of_mixer = routed(stage)
    bits = bits_of(stage.options)
    return stage.block, stage.mixer, bits, tuple(sorted(of_block.items())), tuple(sorted(of_mixer.items()))


def _counted(sequences: list[tuple[int, ...]]) -> tuple[Ints, Ints, Ints]:
    """Return the first block of sequences, [n], and of those behind it which, and how many, [n, k]."""
    behind = [{block: sequence[1:].count(block) for block in sequence[1:]} for sequence in sequences]
    most = max(1, *map(len, behind)) if behind else 1
    first = np.array([sequence[0] for sequence in sequences], np.int64)
    rest = np.repeat(first[:, None], most, axis=1)
    count = np.zeros_like(rest)
    for row, found in enumerate(behind):
        for column, (block, times) in enumerate(found.items()):
            rest[row, column], count[row, column] = block, times
    return first, rest, count


def slot_table(space: StageSpace, item_of: Sequence[int]) -> Ints:
    """Return the menu item of every combination of a stage's slot indices, one axis a slot.

    Args:
        space: What the stage may be.
        item_of: The item of every combination, the last slot changing first.
    """
    return np.array(item_of, np.int64).reshape([len(values) for values in stage_slots(space).values()])
