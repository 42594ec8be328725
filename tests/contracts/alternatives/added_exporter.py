"""An exporter that writes how many parameters the network has."""

from pathlib import Path
from typing import Final

from typing_extensions import override

from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import Exporter


class AddedExporter(Exporter):
    """Writes ``<name>.params.txt``."""

    @override
    def files(self, name: str) -> tuple[str, ...]:
        return (f"{name}.params.txt",)

    @override
    def write(self, delivery: ExportedNetwork, folder: Path) -> None:
        (folder / f"{delivery.name}.params.txt").write_text(str(delivery.costs.params), encoding="utf-8")


EXPORTER: Final = AddedExporter()
