"""Reads given networks of a trained supernet, as a worker does it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from search_spaces.architecture import Architecture
from trials.datasets import open_images
from trials.supernet.reading import read_networks
from trials.supernet.weights_file import load_supernet


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingConfig:
    """What a worker needs to read networks; `to_json` travels between processes.

    Attributes:
        weights: File of the supernet.
        architectures: The networks, as JSON texts.
        data: Name or path of the images.
        data_seed: Seed of their split.
        cache: Folder of decoded images.
        metric: Metric of the readings.
        threads: CPU threads that torch may use.
        device: Device as torch calls it.
    """

    weights: str
    architectures: Sequence[str]
    data: str
    data_seed: int
    cache: str | None
    metric: str
    threads: int = 1
    device: str = "cpu"

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, as JSON has them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def run_reading(config: Mapping[str, Any], report: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    """Return the value of each network as ``values``.

    Args:
        config: A `ReadingConfig` by field name.
        report: Receives nothing: reading a few networks takes seconds.

    Raises:
        UserError: if the supernet or the images cannot be used, or it does not hold a network.
    """
    del report
    asked = ReadingConfig(**config)
    torch.set_num_threads(asked.threads)
    cache = None if asked.cache is None else Path(asked.cache)
    splits = open_images(asked.data, seed=asked.data_seed, cache=cache)
    trained = load_supernet(Path(asked.weights))
    trained.check(trained.shared.space, splits, seed=asked.data_seed)
    device = torch.device(asked.device)
    trained.shared.to(device)
    read = read_networks(
        trained.shared,
        map(Architecture.from_json, asked.architectures),
        splits,
        trained.recipe.training,
        device=device,
    )
    return {"values": [float(value.scores.of(asked.metric)[0]) for value in read]}
