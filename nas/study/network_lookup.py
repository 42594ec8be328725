"""Finds the network that a text names: a published one, a file, an export folder or ``STUDY#12``."""

import json
from dataclasses import dataclass
from pathlib import Path

from nas.storage.optuna_storage import open_storage
from nas.study.results import chosen_network, result_of, split_network
from nas.study.study import find, images_of
from search_spaces.architecture import Architecture
from search_spaces.errors import ArchitectureError
from search_spaces.paths import expanded
from search_spaces.published import reference, references

_IMAGENET_CLASSES = 1000
_COLOURS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundNetwork:
    """A network with the images that its head and stem are made for.

    Attributes:
        name: The text that named it.
        architecture: Its architecture.
        num_classes: Number of class scores of its head.
        in_channels: Channels of its images.
    """

    name: str
    architecture: Architecture
    num_classes: int
    in_channels: int


def find_network(text: str, url: str) -> FoundNetwork:
    """Return the network that `text` names.

    Args:
        text: A published network such as ``mobilenet_v2_1.0_224``, an architecture JSON file (for 1000
            classes of colour images, unless an export's config.json lies beside it), an export folder,
            ``STUDY#12``, or a study, which stands for its best network.
        url: Of the storage in which studies are looked for.

    Raises:
        ArchitectureError: if a file or folder holds no architecture.
        StudyError: if nothing is called so.
    """
    if text in references():
        return FoundNetwork(
            name=text,
            architecture=reference(text),
            num_classes=_IMAGENET_CLASSES,
            in_channels=_COLOURS,
        )
    if is_there(text):
        path = expanded(text)
        return _in_file(path / "architecture.json" if path.is_dir() else path)
    name, number = split_network(text)
    study = find(open_storage(url), name)
    network = chosen_network(result_of(study), number)
    images = images_of(study)
    return FoundNetwork(
        name=f"{study.study_name}#{network.trial}",
        architecture=network.architecture,
        num_classes=len(images["classes"]),
        in_channels=images["channels"],
    )


def is_there(text: str) -> bool:
    """Return whether there is a file or folder of this name; a text that cannot be one is none."""
    try:
        return expanded(text).exists()
    except (OSError, ValueError):
        return False


def _in_file(path: Path) -> FoundNetwork:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArchitectureError(
            f"Cannot read '{path}': {error}. Expected an architecture JSON file or an export folder."
        ) from error
    num_classes, in_channels = _IMAGENET_CLASSES, _COLOURS
    exported = path.with_name("config.json")
    if exported.exists():
        config = json.loads(exported.read_text(encoding="utf-8"))
        num_classes, in_channels = config["num_classes"], config["pretrained_cfg"]["input_size"][0]
    return FoundNetwork(
        name=str(path),
        architecture=Architecture.from_json(text),
        num_classes=num_classes,
        in_channels=in_channels,
    )
