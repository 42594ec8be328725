"""`Sharing`: says for each choice of a space whether its values share weights, before anything is trained."""

from collections.abc import Iterator
from dataclasses import dataclass

from search_spaces.architecture import Option, Stage
from search_spaces.elastic.sharing import StageSharing, own_channels, own_options
from search_spaces.space import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """Whether the values of one choice share weights.

    Attributes:
        choice: Name of the choice, as in `search_spaces.space.SearchSpace.choices`.
        values: Its values.
        owner: Mixer or block that takes it; None for choices of the whole network and for mixers.
        shares: Whether the weights of a smaller value are part of a larger one's; else each value has
            weights of its own.
    """

    choice: str
    values: tuple[Option, ...]
    owner: str | None
    shares: bool

    def __str__(self) -> str:
        values = ", ".join(map(str, self.values))
        of = f" of {self.owner}" if self.owner else ""
        return (
            f"{self.choice}{of} ({values}): {'shared weights' if self.shares else 'weights of its own each'}"
        )


def sharing_of(space: SearchSpace) -> list[Sharing]:
    """Return for each choice with several values whether they share weights."""
    found = [
        Sharing(choice=name, values=tuple(getattr(space, name)), owner=None, shares=True)
        for name in ("resolution", "width", "conv_depth", "attention_depth")
    ]
    found += [Sharing(choice=name, values=v, owner=None, shares=False) for name, v in space.skeleton.items()]
    for number, (menu, stage) in enumerate(zip(space.codes.menus, space.stages, strict=True), start=1):
        by_owner: dict[tuple[str, str | None], list[Stage]] = {}
        forms = space.codes.forms[number - 1]
        for block in forms.blocks if stage.inside is None else [item.stage for item in menu]:
            by_owner.setdefault((block.block, block.mixer), []).append(block)
        depths = tuple(sorted({item.stage.depth for item in menu}))
        found.append(Sharing(choice=f"stage{number}.depth", values=depths, owner=None, shares=True))
        found.append(Sharing(choice=f"stage{number}.width", values=stage.width, owner=None, shares=True))
        found.append(Sharing(choice=f"stage{number}.block", values=stage.blocks, owner=None, shares=False))
        mixers = tuple(dict.fromkeys(mixer for _, mixer in by_owner))
        found.append(Sharing(choice=f"stage{number}.mixer", values=mixers, owner=None, shares=False))
        found += [  # equal blocks at the same place of the stage are shared whatever stands beside them
            Sharing(choice=f"stage{number}.{name}", values=values, owner=None, shares=True)
            for name, values in stage.patterns.items()
        ]
        sharing = StageSharing(menu, forms.blocks, 1)
        for blocks in by_owner.values():
            found += _of_mixer(number, blocks)
            if any(own_channels(blocks[0])) or sharing.owns_mixer(blocks[0]):
                owner = _owner(blocks[0])
                for name, widths in (("width", space.width), (f"stage{number}.width", stage.width)):
                    found.append(Sharing(choice=name, values=tuple(widths), owner=owner, shares=False))
    return list(dict.fromkeys(row for row in found if len(row.values) > 1))


def _of_mixer(number: int, stages: list[Stage]) -> Iterator[Sharing]:
    """Yield the options of the blocks of a stage that have one mixer."""
    values: dict[str, dict[Option, None]] = {}
    for stage in stages:
        for name, value in stage.options:
            values.setdefault(name, {})[value] = None
    own = own_options(stages[0])
    for name, offered in values.items():
        if name != "mixer":
            shares = name not in own
            owner = _owner(stages[0])
            yield Sharing(choice=f"stage{number}.{name}", values=tuple(offered), owner=owner, shares=shares)


def _owner(stage: Stage) -> str:
    return stage.block if stage.mixer is None else stage.mixer
