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
    for number, menu in enumerate(space.codes.menus, start=1):
        by_mixer: dict[str | None, list[Stage]] = {}
        for item in menu:
            by_mixer.setdefault(item.stage.mixer, []).append(item.stage)
        depths = tuple(sorted({item.stage.depth for item in menu}))
        found.append(Sharing(choice=f"stage{number}.depth", values=depths, owner=None, shares=True))
        mixers = tuple(by_mixer)
        found.append(Sharing(choice=f"stage{number}.mixer", values=mixers, owner=None, shares=False))
        for stages in by_mixer.values():
            found += _of_mixer(number, stages)
            if any(own_channels(stages[0])) or StageSharing(menu, 1).owns_mixer(stages[0]):
                owner = _owner(stages[0])
                found.append(Sharing(choice="width", values=tuple(space.width), owner=owner, shares=False))
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
