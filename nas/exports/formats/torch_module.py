"""Export format torch_module: one readable file of plain PyTorch, safetensors weights, architecture JSON."""

import json
from pathlib import Path
from types import ModuleType
from typing import Final

import torch
from safetensors.torch import load_file, save
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
    def write(self, exported: ExportedNetwork, folder: Path) -> None:
        code, weights, architecture = (folder / file for file in self.files(exported.name))
        code.write_text(source(exported), encoding="utf-8")
        architecture.write_text(exported.architecture.to_json() + "\n", encoding="utf-8")
        state = exported.deployed.state_dict() if exported.deploy else exported.weights
        plain = {name: value.detach().contiguous().clone() for name, value in state.items()}
        # safetensors' own save_file lets nobody else read the file, whatever the umask
        weights.write_bytes(save(plain, metadata=_metadata(exported)))
        _check(exported, code, weights)


def load_module(path: Path) -> ModuleType:
    """Return a file executed as a module that is not registered in ``sys.modules``."""
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


def _metadata(exported: ExportedNetwork) -> dict[str, str]:
    return {
        "format": "pt",
        "name": exported.name,
        "fingerprint": exported.architecture.fingerprint,
        "provenance": json.dumps(dict(exported.provenance), sort_keys=True),
    }


def _check(exported: ExportedNetwork, code: Path, weights: Path) -> None:
    """Check that the network built from the written files gives the scores of the trained one."""
    with torch.random.fork_rng(devices=[]):
        network = getattr(load_module(code), exported.name)()
    network.load_state_dict(load_file(weights))
    images = exported.images(2)
    with torch.inference_mode():
        found = network.eval()(images)
    exported.compare("PyTorch file", found, exported.scores(images), TOLERANCE)


EXPORTER = TorchModule()
