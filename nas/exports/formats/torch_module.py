"""One readable file of plain PyTorch, the weights as safetensors, and the architecture as JSON."""

import json
from pathlib import Path
from types import ModuleType
from typing import Final

import torch
from safetensors.torch import load_file, save_file
from typing_extensions import override

from nas.exports.codegen.module_source import source
from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import Exporter

TOLERANCE: Final = 1e-5


class TorchModule(Exporter):
    """Writes ``<name>.py``, ``<name>.safetensors`` and ``architecture.json``."""

    @override
    def files(self, name: str) -> tuple[str, ...]:
        return f"{name}.py", f"{name}.safetensors", "architecture.json"

    @override
    def write(self, delivery: ExportedNetwork, folder: Path) -> None:
        code, weights, architecture = (folder / file for file in self.files(delivery.name))
        code.write_text(source(delivery), encoding="utf-8")
        architecture.write_text(delivery.architecture.to_json() + "\n", encoding="utf-8")
        state = delivery.deployed.state_dict() if delivery.deploy else delivery.weights
        plain = {name: value.detach().contiguous().clone() for name, value in state.items()}
        save_file(plain, weights, metadata=_metadata(delivery))
        _check(delivery, code, weights)


def load_module(path: Path) -> ModuleType:
    """Return the module in a file, run in a fresh namespace and known to nobody else."""
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


def _metadata(delivery: ExportedNetwork) -> dict[str, str]:
    return {
        "format": "pt",
        "name": delivery.name,
        "fingerprint": delivery.architecture.fingerprint,
        "provenance": json.dumps(dict(delivery.provenance), sort_keys=True),
    }


def _check(delivery: ExportedNetwork, code: Path, weights: Path) -> None:
    """Compare the network that the written files give with the trained one."""
    with torch.random.fork_rng(devices=[]):
        network = getattr(load_module(code), delivery.name)()
    network.load_state_dict(load_file(weights))
    images = delivery.images(2)
    with torch.inference_mode():
        found = network.eval()(images)
    delivery.compare("PyTorch file", found, delivery.scores(images), TOLERANCE)


EXPORTER = TorchModule()
