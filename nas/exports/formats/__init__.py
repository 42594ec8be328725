"""Registry of export formats (PyTorch module, ONNX, timm, card, train.py), one file each, found by file name.

A file binds ``EXPORTER``. The contract: what it writes needs nothing of this project, and `write` runs what
can be run and compares it with the network, so that a form that differs is never exported. Exporters do not
know each other, and each names its files beforehand.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final

from nas.exports.exported_network import ExportedNetwork as ExportedNetwork
from search_spaces.shelf import Shelf


class Exporter(ABC):
    """Writes one format of a network."""

    @abstractmethod
    def files(self, name: str) -> tuple[str, ...]:
        """Return the names of the files that `write` writes for a network called `name`."""

    @abstractmethod
    def write(self, exported: ExportedNetwork, folder: Path) -> None:
        """Write the files into an existing folder and check them.

        Raises:
            ExportError: if the format cannot represent the network, or the written form differs from it.
        """


EXPORTERS: Final = Shelf[Exporter](__name__, "EXPORTER", "exporter", Exporter)

_FIRST: Final = ("torch_module", "onnx", "timm", "card", "training_script")
_ON_REQUEST: Final = ("onnx_int8", "litert", "litert_int8")


def default_forms() -> tuple[str, ...]:
    """Return the forms that are written unless others are asked for: ours, then those that others add."""
    return (*_FIRST, *(name for name in EXPORTERS if name not in {*_FIRST, *_ON_REQUEST}))
