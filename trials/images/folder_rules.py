"""Says which names in a folder of images are hidden, which files are images and which folders are splits.

Imports the standard library only, so that a script which is delivered to users can contain this file.
"""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

SUFFIXES: Final = frozenset(
    f".{name}"
    for name in re.findall(
        r"\w+",
        "apng avif avifs bmp dib gif ico j2c j2k jfif jp2 jpc jpe jpeg jpf jpg jpx mpo pbm pcx pfm pgm "
        "png pnm ppm qoi sgi tga tif tiff webp",
    )
)
"""Suffixes of image files that Pillow reads, in lower case."""

FOREIGN_SUFFIXES: Final = frozenset(
    f".{name}"
    for name in re.findall(
        r"\w+",
        "3fr ai arw cr2 cr3 czi dcm dng emf eps exr fit fits fts hdr heic heics heif hif jxl jxr lif mrc "
        "nd2 nef nii nrrd nrw orf psb psd raf rw2 srw svg svgz svs vsi wdp wmf xcf",
    )
)
"""Suffixes of image files that are left out and counted, because Pillow cannot read them in general."""

TEXT_SUFFIXES: Final = frozenset(
    f".{name}"
    for name in re.findall(
        r"\w+",
        "cfg csv db geojson htm html ini json jsonl lock log mat md npy npz parquet pickle pkl py rst "
        "toml tsv txt xls xlsx xml yaml yml",
    )
)
"""Suffixes of files that often lie beside images; they are not opened to see whether they are images."""

HIDDEN: Final = frozenset(
    {
        "$recycle.bin",
        "#recycle",
        "#snapshot",
        "@eadir",
        "@recently-snapshot",
        "@recycle",
        "@sharebin",
        "@tmp",
        "desktop.ini",
        "lost+found",
        "network trash folder",
        "system volume information",
        "temporary items",
        "thumbs.db",
    }
)
"""Names of what servers and systems leave in folders, besides ``.*`` and folders ``__*`` and ``@__*``."""

RUNS: Final = "nas-runs"
"""Folder of the files of studies, unless the user named another."""
CACHE: Final = "images"
"""Folder of decoded images beside those of studies."""
CACHE_LOCK: Final = ".lock"
"""File of no bytes in a folder of decoded images."""
_CACHED: Final = re.compile(r"[0-9a-f]{24}(-\d+)?|teacher_outputs|\..*")

_STARTS: Final = (
    b"\x89PNG\r\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
    b"\xff\x4f\xff\x51",
)
_STARTS_LATER: Final = {4: (b"ftypavif", b"ftypavis", b"jP  \r\n\x87\n"), 8: (b"WEBP",)}
_BMP_HEADERS: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})  # sizes of the second header

_KEYWORDS: Final = {
    **dict.fromkeys(("train", "training", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "devel"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation", "holdout", "heldout"), "test"),
}
_SHORT: Final = {
    **dict.fromkeys(("tr", "trn"), "train"),
    **dict.fromkeys(("va", "vl", "vld", "vali", "development"), "validation"),
    **dict.fromkeys(("te", "tst", "ts"), "test"),
}
"""Splits only beside each other: alone they may be words."""
_FILLERS: Final = frozenset(
    re.findall(
        r"\w+",
        "batch data dataset datasets dir examples file files folder fold image images img imgs part "
        "photos pictures samples set sets shard split splits subset v",
    )
)


def is_hidden(name: str, *, folder: bool) -> bool:
    """Return whether a folder, or else a file, of this name is not meant to be read."""
    return name.startswith((".", "__", "@__") if folder else ".") or name.lower() in HIDDEN


def is_written_by_nas(folder: Path) -> bool:
    """Return whether a folder holds the files of studies or their decoded images, and no data set."""
    return folder.name == RUNS or _is_cache(folder) or _is_cache(folder / CACHE)


def _is_cache(folder: Path) -> bool:
    """Return whether a folder is one of decoded images: locked, and with nothing else in it."""
    try:
        return (folder / CACHE_LOCK).is_file() and all(_CACHED.fullmatch(p.name) for p in folder.iterdir())
    except OSError:  # it may not be read
        return False


def is_image(path: Path) -> bool:
    """Return whether a file is an image by its suffix, or by its content where the suffix says nothing."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return True
    if suffix in FOREIGN_SUFFIXES or suffix in TEXT_SUFFIXES:
        return False
    try:
        if not path.is_file():  # to open a pipe would wait for ever
            return False
        with path.open("rb") as file:
            return _starts_as_image(file.read(18))
    except OSError:
        return False


def is_foreign_image(path: Path) -> bool:
    """Return whether a file is an image of a kind that is not read."""
    return path.suffix.lower() in FOREIGN_SUFFIXES


def splits_among(names: Iterable[str]) -> dict[str, str]:
    """Return the split, ``train``, ``validation`` or ``test``, of those names that name one.

    A name of a keyword with words such as "set", "images" or a year is a split: ``training_set``,
    ``val2017``, ``TestImages``. A keyword beside other words counts only if another name says another split
    with the same words (``seg_train``, ``seg_test``), since ``train_station`` may be a class. The keywords
    are those of https://huggingface.co/docs/datasets/repository_structure and a few more.

    Args:
        names: Names of folders or files beside each other, files without suffix.
    """
    found = {name: _split_and_rest(name) for name in names}
    kinds = {(split, rest) for split, rest, _ in found.values() if split is not None}
    beside = Counter(rest for _, rest in kinds)
    return {
        name: split
        for name, (split, rest, plain) in found.items()
        if split is not None and (plain or beside[rest] > 1)
    }


def is_part_name(name: str) -> bool:
    """Return whether a name says nothing of what is inside, such as ``images``, ``part2`` or ``fold_0``."""
    words = _words(name)
    return bool(words) and all(word in _FILLERS for word in words)


def _split_and_rest(name: str) -> tuple[str | None, tuple[str, ...], bool]:
    """Return the split that a name may mean, its other words, and whether the name alone is enough."""
    words = _words(name)
    known = [(_KEYWORDS.get(word) or _SHORT.get(word), word) for word in words]
    splits = {split for split, _ in known if split is not None}
    rest = tuple(word for split, word in known if split is None and word not in _FILLERS)
    if splits == {"train", "validation"} and len(words) == 2:
        return "train", rest, not rest  # train_val, both in one
    if len(splits) != 1:
        return None, rest, False
    return splits.pop(), rest, not rest and any(word in _KEYWORDS for word in words)


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case, without numbers; "trainset" is two."""
    name = re.sub(r"\d+-of-\d+", " ", name)
    name = re.sub(r"(?i)(hold|held)[-_ ]out", "holdout", name)
    name = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    words = [word for word in re.split(r"[\W\d_]+", name.lower()) if word]
    return [piece for word in words for piece in _pieces(word)]


def _pieces(word: str) -> list[str]:
    if word in _KEYWORDS or word in _SHORT or word in _FILLERS:
        return [word]
    for keyword in (*_KEYWORDS, *_SHORT):
        for start, end in ((keyword, word.removeprefix(keyword)), (word.removesuffix(keyword), keyword)):
            if start + end == word and {start, end} <= {*_KEYWORDS, *_SHORT, *_FILLERS} - {"v"}:
                return [start, end]
    return [word]


def _starts_as_image(start: bytes) -> bool:
    if start.startswith(b"BM"):  # also the start of many a word
        return int.from_bytes(start[14:18], "little") in _BMP_HEADERS
    later = (start[at:].startswith(texts) for at, texts in _STARTS_LATER.items())
    return start.startswith(_STARTS) or any(later)
