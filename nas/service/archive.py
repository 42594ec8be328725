"""Unpacks an archive of images that a stranger has sent: zip, tar or tar.gz, images alone, within limits.

An archive is refused as a whole for one entry that is a link, a device, encrypted, hidden, no image, or
leads out of the folder. What is unpacked is counted as it is read, whatever the archive says of itself, and
no header is read into memory that is longer than any honest one.
"""

import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

from nas.service.archive_names import Names
from nas.service.bounded_reader import BoundedReader
from nas.service.refusals import RefusedError, TooLargeError

RATIO: Final = 100
"""Bytes that an archive may unpack to, for each of its own; images are compressed already."""
_SMALL_BYTES: Final = 8 * 1024**2  # of any ratio
_CHUNK: Final = 64 * 1024
_DIRECTORY_BYTES: Final = 16 * 1024**2  # of a zip file with 200,000 short names
_HEADER_BYTES: Final = 256 * 1024  # of one entry in a tar file, which may have hundreds of headers
_MOST_COMMON_HEADERS: Final = 100
_BROKEN: Final = (
    zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError, ValueError, NotImplementedError,
    RuntimeError, OverflowError, UnicodeError, IndexError, KeyError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """What an archive held.

    Attributes:
        images: Number of images.
        bytes: Their size in bytes.
    """

    images: int
    bytes: int


def unpack(archive: Path, to: Path, *, most_bytes: int) -> Unpacked:
    """Unpack an archive into an empty folder.

    Args:
        archive: File of the archive.
        to: Folder, which the caller removes on an error.
        most_bytes: Most bytes that are unpacked.

    Raises:
        RefusedError: if the archive, or anything in it, cannot be taken.
        TooLargeError: if it unpacks to more.
    """
    most = min(most_bytes, max(_SMALL_BYTES, RATIO * archive.stat().st_size))
    names, images, written = Names(), 0, 0
    try:
        for name, content in _files(archive, names, most):
            file = to.joinpath(*name)
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("xb") as output:
                while chunk := content.read(_CHUNK):
                    written += len(chunk)
                    if written > most:
                        raise too_large(most_bytes)
                    output.write(chunk)
            images += 1
    except RefusedError:
        raise
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of our disk
        raise RefusedError(
            f"Cannot unpack this archive: {type(error).__name__}. Expected a whole zip, tar or tar.gz file "
            f"of images; make it again."
        ) from error
    if not images:
        raise RefusedError(
            "This archive has no images: expected a zip, tar or tar.gz file with one folder for each class."
        )
    return Unpacked(images=images, bytes=written)


def too_large(most_bytes: int) -> TooLargeError:
    """Return the error of an archive that is, or unpacks to, more bytes than it may."""
    return TooLargeError(
        f"This archive unpacks to too much: expected at most {most_bytes / 1024**2:.0f} MiB, and {RATIO} "
        f"times its own size. Send fewer or smaller images."
    )


def _files(archive: Path, names: Names, most: int) -> Iterator[tuple[tuple[str, ...], IO[bytes]]]:
    """Yield path and content of each image, in the order of the archive."""
    with archive.open("rb") as opened:
        begin = opened.read(4)
        opened.seek(0)
        if begin[:2] == b"PK":
            yield from _zipped(BoundedReader(opened, at_once=_DIRECTORY_BYTES), names)
        elif begin[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=opened) as plain:
                stream = BoundedReader(plain, at_once=_HEADER_BYTES, most=2 * most)
                yield from _tarred(stream, names)
                while stream.read(_CHUNK):  # to its end, where length and checksum are verified
                    pass
        else:
            yield from _tarred(BoundedReader(opened, at_once=_HEADER_BYTES), names)


def _zipped(opened: BoundedReader, names: Names) -> Iterator[tuple[tuple[str, ...], IO[bytes]]]:
    with zipfile.ZipFile(cast("IO[bytes]", opened)) as packed:
        for entry in packed.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in {0, stat.S_IFREG, stat.S_IFDIR} or (kind == stat.S_IFDIR) > entry.is_dir():
                raise _not_a_file(entry.filename)
            if entry.flag_bits & 0x1 or entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise RefusedError(
                    f"Cannot unpack {names.shown(entry.filename)}: expected a zip file without encryption, "
                    f"stored or deflated."
                )
            name = names.checked(entry.orig_filename, folder=entry.is_dir())
            if not entry.is_dir():
                with packed.open(entry) as content:
                    yield name, content


def _tarred(opened: BoundedReader, names: Names) -> Iterator[tuple[tuple[str, ...], IO[bytes]]]:
    with cast("Any", tarfile.open(fileobj=cast("Any", opened), mode="r:")) as packed:
        while (entry := packed.next()) is not None:
            packed.members = []  # of a long archive nothing is kept
            if len(packed.pax_headers) > _MOST_COMMON_HEADERS:
                raise RefusedError("This archive has too many headers: expected a plain tar file of images.")
            if not (entry.isreg() or entry.isdir()) or entry.issparse():
                raise _not_a_file(entry.name)
            name = names.checked(entry.name, folder=entry.isdir())
            if entry.isreg():
                content = packed.extractfile(entry)
                assert content is not None
                yield name, content


def _not_a_file(name: str) -> RefusedError:
    return RefusedError(
        f"Cannot take {Names.shown(name)}: it is a link, a device or a sparse file. Expected an archive of "
        f"images in folders."
    )
