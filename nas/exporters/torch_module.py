"""One readable file of plain PyTorch, the weights as safetensors, and the architecture as JSON."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from typing_extensions import override

from nas.exporters import Exporter
from nas.exporters._delivery import Delivery
from nas.exporters._source import source

TOLERANCE: Final = 1e-5


class TorchModule(Exporter):
    """Writes ``<name>.py``, ``<name>.safetensors`` and ``architecture.json``."""

    @override
    def files(self, name: str) -> tuple[str, ...]:
        return f"{name}.py", f"{name}.safetensors", "architecture.json"

    @override
    def write(self, delivery: Delivery, folder: Path) -> None:
        code, weights, architecture = (folder / file for file in self.files(delivery.name))
        code.write_text(source(delivery), encoding="utf-8")
        architecture.write_text(delivery.architecture.to_json() + "\n", encoding="utf-8")
        save_file(_state(delivery, code), weights, metadata=_metadata(delivery))
        _check(delivery, code, weights)


def load_module(path: Path) -> ModuleType:
    """Return the module in a file, run in a fresh namespace and known to nobody else."""
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


def _build(delivery: Delivery, code: Path, **options: Any) -> Any:
    with torch.random.fork_rng(devices=[]):
        return getattr(load_module(code), delivery.name)(**options)


def _state(delivery: Delivery, code: Path) -> dict[str, Tensor]:
    """Return the weights in the form in which they are delivered."""
    if not delivery.deploy:
        return {name: value.detach().contiguous().clone() for name, value in delivery.weights.items()}
    network = _build(delivery, code)
    if not hasattr(network, "switch_to_deploy"):
        return {name: value.detach().contiguous().clone() for name, value in delivery.weights.items()}
    network = _build(delivery, code, deploy=False)
    network.load_state_dict(dict(delivery.weights))
    return {
        k: v.detach().contiguous().clone() for k, v in network.eval().switch_to_deploy().state_dict().items()
    }


def _metadata(delivery: Delivery) -> dict[str, str]:
    return {
        "format": "pt",
        "name": delivery.name,
        "fingerprint": delivery.architecture.fingerprint,
        "provenance": json.dumps(dict(delivery.provenance), sort_keys=True),
    }


def _check(delivery: Delivery, code: Path, weights: Path) -> None:
    """Compare the network that the written files give with the trained one."""
    network = _build(delivery, code)
    network.load_state_dict(load_file(weights))
    images = delivery.images(2)
    with torch.inference_mode():
        found = network.eval()(images)
    delivery.compare("PyTorch file", found, delivery.scores(images), TOLERANCE)


EXPORTER = TorchModule()
