"""Exporters: forms in which a network leaves us, one file each.

A file binds ``EXPORTER``. The law of the room: what is written needs nothing of ours, and `write` ends
by running what can run and comparing it with the network itself, so that a form that differs is never
delivered. Exporters know nothing of each other, and each names its files beforehand.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final

from nas.exports.exported_network import ExportedNetwork as ExportedNetwork
from search_spaces.shelf import Shelf


class Exporter(ABC):
    """Writes one form of a network."""

    @abstractmethod
    def files(self, name: str) -> tuple[str, ...]:
        """Return the names of the files that it writes for a network called `name`."""

    @abstractmethod
    def write(self, delivery: ExportedNetwork, folder: Path) -> None:
        """Write the files into an existing folder and check them.

        Raises:
            ExportError: if the form cannot hold this network, or what was written differs from it.
        """


EXPORTERS: Final = Shelf[Exporter](__name__, "EXPORTER", "exporter", Exporter)

_FIRST: Final = ("torch_module", "onnx", "timm", "card", "training_script")
_ON_REQUEST: Final = ("onnx_int8",)


def default_forms() -> tuple[str, ...]:
    """Return the forms that are written unless others are asked for: ours, then those that others add."""
    return (*_FIRST, *(name for name in EXPORTERS if name not in {*_FIRST, *_ON_REQUEST}))
