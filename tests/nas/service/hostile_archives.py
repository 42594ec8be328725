"""Archives that a stranger may send to do harm: each is to be refused, with nothing left on disk."""

import gzip
import io
import random
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Iterator

from PIL import Image

NAMES = (
    "../x.png", "a/../../x.png", "a/b/../../../x.png", "..", "/etc/x.png", "//x.png", "C:/x.png",
    "C:\\x.png", "..\\..\\x.png", "a\\x.png", ".x.png", "a/.git/x.png", "__MACOSX/x.png", "a/._x.png",
    ".ssh/x.png", "a/Thumbs.db", "a/x.py", "a/x", "a/x.png.sh", "a/x.svg", "a/x\n.png", "a/\x1b[2Jx.png",
    "a/\u202egnp.png", "a/b/c/d/e/f/g/h/i.png", "a/" + "x" * 300 + ".png", "nul:x.png", "a/x.npz",
    ".", "./.",
)  # fmt: skip
"""Names that lead out of the archive, hide, are no image's, or that not every file system takes."""


def image() -> bytes:
    """Return a small PNG whose pixels differ, since images of one colour alone are refused."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((8, 8)).convert("RGB").save(file, "png")
    return file.getvalue()


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive of names and contents."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as packed, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in files:
            entry = zipfile.ZipInfo("x")
            entry.filename = entry.orig_filename = name
            entry.compress_type = method
            packed.writestr(entry, content)
    return file.getvalue()


def tarred(*files: tuple[str, bytes]) -> bytes:
    """Return a tar archive of names and contents."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as packed:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def good() -> dict[str, bytes]:
    """Return archives that are to be taken, by what they are."""
    files = [(f"flowers/{kind}/{number}.png", image()) for kind in ("rose", "tulip") for number in range(3)]
    packed = {"zip": zipped(*files), "tar": tarred(*files), "tar.gz": gzip.compress(tarred(*files))}
    return {**packed, "tar of .": _of_the_folder(*files)}


def _of_the_folder(*files: tuple[str, bytes]) -> bytes:
    """Return a tar archive as ``tar -cf x.tar -C folder .`` makes it: with an entry for the folder itself."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as packed:
        for name in (".", "./flowers"):
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            packed.addfile(folder)
    return file.getvalue()[:1024] + tarred(*((f"./{name}", content) for name, content in files))


def hostile() -> Iterator[tuple[str, bytes]]:
    """Yield what is wrong with an archive, and the archive."""
    yield from _names()
    yield from _kinds()
    yield from _bombs()
    yield from _broken(random.Random(0))


def _names() -> Iterator[tuple[str, bytes]]:
    first = ("a/good.png", image())
    for name in NAMES:
        for files in ([(name, image())], [first, (name, image())]):
            yield f"zip of {name!r}", zipped(*files)
            yield f"tar of {name!r}", tarred(*files)
            yield f"tar.gz of {name!r}", gzip.compress(tarred(*files))
    for pair in (
        ("a/x.png", "a/x.png"),
        ("a/x.png", "A/X.png"),
        ("a.png", "a.png/b.png"),
        ("b.png/c.png", "b.png"),
    ):
        twice = [(name, image()) for name in pair]
        yield f"zip of {pair}", zipped(*twice)
        yield f"tar of {pair}", tarred(*twice)
    yield "zip of a NUL", zipped(("a/x.png\0.sh", image()))


def _kinds() -> Iterator[tuple[str, bytes]]:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE,
                 tarfile.GNUTYPE_SPARSE, b"Z"):  # fmt: skip
        for target in ("/etc/passwd", "../../x.png"):
            file = io.BytesIO()
            with tarfile.open(fileobj=file, mode="w") as packed:
                entry = tarfile.TarInfo("a/x.png")
                entry.type, entry.linkname, entry.devmajor, entry.devminor = kind, target, 1, 3
                packed.addfile(entry)
                behind = tarfile.TarInfo("a/x.png/y.png")
                behind.size = 3
                packed.addfile(behind, io.BytesIO(b"abc"))
            yield f"tar with type {kind!r}", file.getvalue()
    for mode in (0o120777, 0o020666, 0o060666, 0o010666, 0o140666):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as zipping:
            link = zipfile.ZipInfo("a/x.png")
            link.create_system, link.external_attr = 3, mode << 16
            zipping.writestr(link, "/etc/passwd")
        yield f"zip with mode {mode:o}", file.getvalue()


def _bombs() -> Iterator[tuple[str, bytes]]:
    zeros = bytes(64 * 1024**2)
    yield "zip bomb", zipped(("a/x.png", zeros))
    yield "zip bomb of many", zipped(*((f"a/{number}.png", zeros[: 4 * 1024**2]) for number in range(16)))
    yield "zip bomb within", zipped(("a/inner.zip", zipped(("x.png", zeros))))
    yield "tar.gz bomb", gzip.compress(tarred(("a/x.png", zeros)))
    yield "tar.gz of zeros", gzip.compress(zeros * 4)
    yield "gz in gz", gzip.compress(gzip.compress(tarred(("a/x.png", zeros))))
    yield "zip that counts one file many times", _overlapping(zeros)
    many = "".join(f"10 k{number:03d}=v\n" for number in range(500))  # each begins with its length
    yield "tar with many common headers", _pax(many.encode(), b"g")
    yield "tar.gz with a long header", gzip.compress(_pax(b"0" * (20 * 1024**2), b"x"))
    yield "tar with a long name", _pax(b"x" * (1024**2), b"L")
    huge = bytearray(tarred(("a/x.png", b"")))
    huge[124:136] = b"77777777777\0"  # eight GiB that are not there
    yield "tar with a size that is not so", bytes(huge)


def _overlapping(content: bytes) -> bytes:
    """Return a zip file whose directory has many names for one deflated file (Fifield, 2019)."""
    packed = zipped(("a/x.png", content))
    end = packed.rindex(b"PK\x05\x06")
    start = struct.unpack("<I", packed[end + 16 : end + 20])[0]
    entry, count = packed[start:end], 50
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, count * len(entry), start, 0)
    return packed[:start] + entry * count + tail


def _pax(content: bytes, kind: bytes) -> bytes:
    entry = tarfile.TarInfo("header")
    entry.type, entry.size = kind, len(content)
    padding = bytes(-len(content) % 512)
    return entry.tobuf() + content + padding + tarred(("a/x.png", image()))


def _broken(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    made = good()
    yield "nothing", b""
    yield "text", b"no archive at all\n"
    yield "a picture", image()
    yield "an empty zip", zipped()
    yield "an empty tar", tarred()
    yield "folders alone", zipped(("a/", b""), ("b/", b""))
    yield "bzip2 in zip", zipped(("a/x.png", image()), method=zipfile.ZIP_BZIP2)
    yield "lzma in zip", zipped(("a/x.png", image()), method=zipfile.ZIP_LZMA)
    encrypted = bytearray(zipped(("a/x.png", image())))
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    yield "encrypted", bytes(encrypted)
    wrong = zipped(("a/x.png", image()), method=zipfile.ZIP_STORED)
    yield "a wrong checksum", wrong.replace(b"IDAT", b"IDAU", 1)
    yield "two names for one file", zipped(("a/x.png", image())).replace(b"a/x.png", b"a/y.png", 1)
    directory = bytearray(made["zip"])
    directory[-10:-6] = b"\xff\xff\xff\x7f"
    yield "a directory that is not there", bytes(directory)
    for kind in ("zip", "tar.gz"):
        for _ in range(10):
            yield f"a part of a {kind}", made[kind][: rng.randrange(5, len(made[kind]))]
    yield "a tar.gz without its last byte", made["tar.gz"][:-1]
    checksum = bytearray(made["tar.gz"])
    checksum[-8] ^= 1
    yield "a tar.gz with a wrong checksum", bytes(checksum)
    for begin in (b"PK\x03\x04", b"\x1f\x8b\x08\0", b""):
        for _ in range(3):
            yield "noise", begin + rng.randbytes(2000)
