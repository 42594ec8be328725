"""A file that is read forwards within limits, so that no header of an archive fills the memory."""

import io
from typing import Final

from nas.service.refusals import RefusedError

_CHUNK: Final = 64 * 1024


class BoundedReader:
    """Reads another file; a stream that cannot go back is read and counted on the way to a later place.

    Args:
        file: File that is read.
        at_once: Longest single read in bytes.
        most: Most bytes that are read of a stream in all, what is passed over included; None for a file that
            can be read from any place.
    """

    def __init__(self, file: io.BufferedIOBase, *, at_once: int, most: int | None = None) -> None:
        self._file, self._at_once, self._most = file, at_once, most
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, all that are left for -1."""
        if size < 0 or size > self._at_once:
            size = self._at_once + 1
        read = self._file.read(size)
        self._at += len(read)
        if len(read) > self._at_once or (self._most is not None and self._at > self._most):
            raise RefusedError(
                "Cannot unpack this archive: one of its headers is too long, or it unpacks to too much. "
                "Expected an archive of images."
            )
        return read

    def tell(self) -> int:
        """Return the place in bytes from the beginning."""
        return self._file.tell() if self._most is None else self._at

    def seek(self, to: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place and return it.

        Raises:
            ValueError: if a stream would have to go back.
        """
        if self._most is None:
            return self._file.seek(to, whence)
        if whence != io.SEEK_SET or to < self._at:
            raise ValueError("a stream cannot go back")
        while self._at < to and self.read(min(_CHUNK, to - self._at)):
            pass
        return self._at

    def seekable(self) -> bool:
        """Return whether it can go to other places, which it can within the limits."""
        return True

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def close(self) -> None:
        """Leave the file open for its owner."""

    @property
    def closed(self) -> bool:
        """Whether the file was closed."""
        return self._file.closed
