"""Opens trained networks that train.py learns from: .onnx, module:function, timm:NAME, export folders.

A teacher sees the images that the network in training sees, normalised and resized as it says itself.
"""

import importlib
import importlib.util
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Teacher:
    """A trained network whose scores are targets beside the labels (https://arxiv.org/abs/1503.02531).

    Args:
        source: ``.onnx`` file, ``module:function``, ``timm:NAME`` or folder of an export.
        classes: Number of classes that it must score.
        side: Side of the images in pixels, where it asks for none.
        mean: Mean of each channel, where it says none; so is `std`.
        std: Standard deviation of each channel.
        names: Names of the classes of the images in order; None if unknown.
        images: Number of images that its scores are remembered of.
        device: Device of the training.
    """

    def __init__(
        self,
        source: str,
        *,
        classes: int,
        side: int,
        mean: Sequence[float],
        std: Sequence[float],
        names: Sequence[str] | None,
        images: int,
        device: torch.device,
    ) -> None:
        try:
            network, said = opened(source, device)
            self.network, self.side = network, said.get("side") or side
            self.mean, self.std = (
                torch.as_tensor(usual if said.get(name) is None else said[name]).float().reshape(-1, 1, 1)
                for name, usual in (("mean", mean), ("std", std))
            )
            self.mean, self.std = self.mean.to(device), self.std.to(device)
            self.says_probabilities = False
            black = torch.zeros(len(mean), side, side, device=device)
            found = self.scores(torch.stack([black, black + 1]))
        except Exception as error:  # other people's code and runtimes raise anything
            raise ValueError(
                f"Cannot use the teacher '{source}': {error}. Expected scores of {classes} classes for "
                f"images of {len(mean)} channels, from an .onnx file, module:function, timm:NAME or an "
                f"export folder."
            ) from error
        if tuple(found.shape) != (2, classes) or not bool(found.isfinite().all()):
            raise ValueError(
                f"The teacher '{source}' returns {tuple(found.shape)} for 2 images: expected (2, {classes}), "
                f"a finite score of each class. Train it on these images."
            )
        known = said.get("classes")
        if names is not None and known and list(known) != list(names):
            raise ValueError(
                f"The teacher '{source}' has the classes {', '.join(known[:5])}: expected "
                f"{', '.join(names[:5])} in this order. Train it on these images."
            )
        self.says_probabilities = bool((found >= 0).all() and ((found.sum(dim=1) - 1).abs() < 1e-3).all())
        if self.says_probabilities:
            sys.stderr.write(f"'{source}' returns probabilities: their logarithms are learnt from\n")
        self.known = torch.zeros(images, dtype=torch.bool)
        self.said = torch.zeros(images, classes)

    @torch.no_grad()
    def scores(self, images: Tensor) -> Tensor:
        """Return the scores of images in [0, 1]."""
        images = (images - self.mean) / self.std
        if images.shape[-2:] != (self.side, self.side):
            shrinks = max(images.shape[-2:]) > self.side
            images = F.interpolate(images, (self.side, self.side), mode="bilinear", antialias=shrinks)
        found = self.network(images).float()
        return found.clamp_min(1e-12).log() if self.says_probabilities else found

    def remembered(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return the scores of images that are the same whenever they are seen, asked for once."""
        if not bool(self.known[rows].all()):
            self.said[rows], self.known[rows] = self.scores(images).cpu(), True
        return self.said[rows].to(images.device)


def distance(scores: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Return the divergence of scores from those of a teacher, both softened."""
    softened, wanted = (F.log_softmax(x.float() / temperature, dim=1) for x in (scores, targets))
    return F.kl_div(softened, wanted, reduction="batchmean", log_target=True) * temperature**2


def opened(source: str, device: torch.device) -> tuple[Callable[[Tensor], Tensor], dict[str, Any]]:
    """Return a trained network, and mean, std and side of its images and its classes as far as it says."""
    if source.endswith(".onnx"):
        return opened_onnx(Path(source))
    if Path(source).is_dir():
        network, said = opened_export(Path(source))
    elif source.startswith("timm:"):
        network = importlib.import_module("timm").create_model(source.removeprefix("timm:"), pretrained=True)
        said = of_config({**network.pretrained_cfg, "pretrained_cfg": network.pretrained_cfg})
    else:
        module, _, name = source.partition(":")
        sys.path.append(str(Path.cwd()))
        found = getattr(importlib.import_module(module), name)
        network = found if isinstance(found, nn.Module) else found()
        said = {name: getattr(network, name, None) for name in ("mean", "std")}
        said["side"] = getattr(network, "resolution", None)
        classes = getattr(network, "classes", None)  # of some networks their number
        said["classes"] = classes if isinstance(classes, list | tuple) else None
    if isinstance(network, nn.Module):
        network.eval().requires_grad_(False).to(device)
    return network, said


def opened_onnx(path: Path) -> tuple[Callable[[Tensor], Tensor], dict[str, Any]]:
    """Return the network of an ONNX file, with what the config.json of its export says."""
    session = importlib.import_module("onnxruntime").InferenceSession(str(path))
    entry = session.get_inputs()[0]
    fixed = entry.shape[0] if isinstance(entry.shape[0], int) else None
    side = entry.shape[2] if isinstance(entry.shape[2], int) else None

    def scores(images: Tensor) -> Tensor:
        values = images.float().cpu()
        step = fixed or len(values)
        parts = []
        for part in values.split(step):
            filled = torch.cat([part, part[:1].repeat(step - len(part), 1, 1, 1)])
            parts.append(torch.from_numpy(session.run(None, {entry.name: filled.numpy()})[0])[: len(part)])
        return torch.cat(parts).to(images.device)

    beside = path.with_name("config.json")
    config = json.loads(beside.read_text()) if beside.is_file() else {}
    name = config.get("architecture")
    said = of_config(config) if path.stem in {name, f"{name}_int8"} else {}
    return scores, {**said, "side": side}


def opened_export(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Return the network of an export folder, built by the module in it."""
    load_file = importlib.import_module("safetensors.torch").load_file
    config = json.loads((folder / "config.json").read_text())
    name = config["architecture"]
    spec = importlib.util.spec_from_file_location(f"teacher_{name}", folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network: nn.Module = getattr(module, name)()
    network.load_state_dict(load_file(folder / f"{name}.safetensors"))
    return network, of_config(config)


def of_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return mean, std, side and names of classes from the config.json of a network as timm has it."""
    given = config["pretrained_cfg"]
    found = {"mean": given["mean"], "std": given["std"], "side": given["input_size"][-1]}
    return {**found, "classes": config.get("label_names")}
