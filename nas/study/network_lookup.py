"""Finds the network that a text names: a published one, a file, an export folder or ``STUDY#12``."""

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.storage.optuna_storage import existing_storage, exists
from nas.study.results import chosen_network, result_of, split_network
from nas.study.study import find, images_of, names_of_searches
from search_spaces.architecture import Architecture
from search_spaces.errors import ArchitectureError, StudyError, UserError, reason_of
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
        StudyError: if nothing is called so; offers the nearest published networks, files and studies.
    """
    if text in references():
        return FoundNetwork(
            name=text,
            architecture=reference(text),
            num_classes=_IMAGENET_CLASSES,
            in_channels=_COLOURS,
        )
    if is_in_files(text, url):
        path = expanded(text)
        return _in_file(path / "architecture.json" if path.is_dir() else path)
    name, number = split_network(text)
    storage = existing_storage(url) if exists(url) else None
    known = [] if storage is None else names_of_searches(storage)
    if storage is None or (name is not None and name not in known):
        raise unknown_network(text, known)
    study = find(storage, name)
    network = chosen_network(result_of(study), number)
    images = images_of(study)
    return FoundNetwork(
        name=f"{study.study_name}#{network.trial}",
        architecture=network.architecture,
        num_classes=len(images["classes"]),
        in_channels=images["channels"],
    )


def is_in_files(text: str, url: str) -> bool:
    """Return whether a text names a file or folder; a folder without a network gives way to a study."""
    return is_there(text) and (_is_network(expanded(text)) or not is_study(text, url))


def is_there(text: str) -> bool:
    """Return whether there is a file or folder of this name; a text that cannot be one is none."""
    try:
        return expanded(text).exists()
    except (OSError, ValueError):
        return False


def _is_network(path: Path) -> bool:
    """Return whether a path may be a network's: a file, or a folder with one."""
    return not path.is_dir() or (path / "architecture.json").exists()


def is_network(text: str) -> bool:
    """Return whether a text names a network without a study: published, a file or an export folder."""
    return text in references() or (is_there(text) and _is_network(expanded(text)))


def is_study(text: str, url: str) -> bool:
    """Return whether a text is a study or a network of one, ``STUDY#12``."""
    return exists(url) and split_network(text)[0] in names_of_searches(existing_storage(url))


def unknown_network(text: str, studies: Sequence[str]) -> StudyError:
    """Return the error for a text that names no network, with what may have been meant.

    Args:
        text: The text.
        studies: Names of the searches in the storage.
    """
    near = [
        *_near(text, references(), least=0.4),
        *_near(text, _network_files(text)),
        *_near(text.partition("#")[0], studies),
    ]
    meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return StudyError(
        f"No network is called '{text[:80]}'.{meant} Expected a published network (see nas networks), an "
        f"architecture JSON file, an export folder, a study or STUDY#NUMBER."
    )


def _near(text: str, names: Iterable[str], *, least: float = 0.6) -> list[str]:
    """Return up to three names like a text: those that begin like it, then those spelled like it.

    Args:
        text: What was given.
        names: What there is.
        least: Least likeness, in [0, 1].
    """
    known = {_plain(name): name for name in sorted(names, key=lambda n: ("_1.0_" not in n, "_224" not in n))}
    word = _plain(text)
    alike = [name for name in known if word and name.startswith(word)]
    spelled = difflib.get_close_matches(word, list(known), n=3, cutoff=least)
    return [known[name] for name in dict.fromkeys([*alike, *spelled])][:3]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name.lower())


def _network_files(text: str) -> list[str]:
    """Return the JSON files and export folders of the folder in which a text would be one."""
    try:
        folder = expanded(text).parent
        found = [p for p in folder.iterdir() if p.suffix == ".json" or (p / "architecture.json").is_file()]
    except (OSError, ValueError, UserError):
        return []
    return sorted(map(str, found))


def _in_file(path: Path) -> FoundNetwork:
    from search_spaces.building import check_buildable  # noqa: PLC0415 -- seconds of imports

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArchitectureError(
            f"Cannot read '{path}': {reason_of(error)}. Expected an architecture JSON file or an export "
            f"folder."
        ) from error
    num_classes, in_channels = _images_of_export(path.with_name("config.json"))
    architecture = Architecture.from_json(text)
    check_buildable(architecture)
    return FoundNetwork(
        name=str(path),
        architecture=architecture,
        num_classes=num_classes,
        in_channels=in_channels,
    )


def _images_of_export(config: Path) -> tuple[int, int]:
    """Return the classes and channels that an export's config.json tells.

    Any other file of this name, such as another program's, says nothing of the network beside it: 1000
    classes of colour images.
    """
    try:
        found = json.loads(config.read_text(encoding="utf-8"))
        if "architecture" in found["nas"]:  # which exports alone have
            return int(found["num_classes"]), int(found["pretrained_cfg"]["input_size"][0])
    except (OSError, ValueError, LookupError, TypeError):
        pass
    return _IMAGENET_CLASSES, _COLOURS
