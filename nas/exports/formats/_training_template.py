"""Templates of the exported training script train.py, filled in by `training_script`."""

from typing import Final

SCRIPT: Final = '''"""Trains {name} with the recipe that was used, {quoted_recipe}: python train.py IMAGES.

IMAGES is a folder with one subfolder of images for each class, perhaps below `train`, `val` and `test`, or a
safetensors file with `images`, uint8 [n, c, h, w], and `labels`, int64 [n]. Folders are read by the code in
image_folder.py, which is the search's own and needs Pillow and NumPy. All images are held in memory.

Images that the search validated or tested networks on are recognised by their pixels, from held_out.json,
and not trained on. Accuracy is measured on validation images, or on a tenth of the others if there are
none.{more}
"""

import argparse
import copy
import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

# isort: split
from {name} import {name} as build_network

SIDE = {side}  # pixels
{sides}DECODED = {decoded}  # height, width and channels of the images before they are resized
HELD_OUT = Path(__file__).with_name("held_out.json")
MEAN = torch.tensor({mean}).reshape(-1, 1, 1)
STD = torch.tensor({std}).reshape(-1, 1, 1)
EPOCHS = {epochs}
BATCH_SIZE = {batch_size}
LEARNING_RATE = {learning_rate}
WEIGHT_DECAY = {weight_decay}
WARMUP = {warmup}  # share of the training in which the learning rate rises
DECAY_FROM = {decay_from}  # share of the training after which it falls
FINAL_RATE = {final_rate}  # final learning rate, as a share of LEARNING_RATE
LABEL_SMOOTHING = {label_smoothing}


def read(path: Path) -> tuple[Tensor, Tensor, list[str]]:
    """Return images, uint8 [n, c, h, w], labels, int64 [n], and the split of each image."""
    if path.is_file():
        found = load_file(path)
        if missing := {{"images", "labels"}} - found.keys():
            raise ValueError(f"'{{path}}' has no {{sorted(missing)}}: expected images and labels.")
        images, labels = found["images"], found["labels"]
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != len(MEAN):
            got = f"images of {{images.dtype}} and shape {{list(images.shape)}}"
            raise ValueError(f"'{{path}}' has {{got}}: expected torch.uint8 [n, {{len(MEAN)}}, h, w].")
        if labels.is_floating_point() or labels.shape != images.shape[:1] or (labels < 0).any():
            got = f"labels of {{labels.dtype}} and shape {{list(labels.shape)}}"
            raise ValueError(f"'{{path}}' has {{got}}: expected a class from 0 on of each image.")
        return {sized}, labels.long(), ["train"] * len(labels)
    try:
        from image_folder import decoded_folder
    except ImportError as error:
        raise ImportError(f"Cannot read folders: {{error}}. Run pip install pillow numpy.") from error
    parts, notes = decoded_folder(path, DECODED)
    sys.stderr.writelines(f"{{note}}\\n" for note in notes)
    images = [torch.from_numpy(part.images).permute(0, 3, 1, 2) for part in parts.values()]
    labels = [torch.from_numpy(part.labels) for part in parts.values()]
    return torch.cat(images), torch.cat(labels), [name for name in parts for _ in parts[name].labels]


def class_names(path: Path) -> tuple[str, ...] | None:
    """Return the names of the classes of a folder in the order of the labels; None for a file."""
    if path.is_file():
        return None
    from image_folder import read_folder

    return read_folder(path, fewest=1).classes


{pillow}def content(values: Tensor) -> bytearray:
    """Return the bytes of a tensor."""
    held = bytearray(values.nbytes)
    torch.frombuffer(held, dtype=torch.uint8).copy_(values.cpu().contiguous().flatten().view(torch.uint8))
    return held


def digest(image: Tensor) -> str:
    """Return what tells an image from others: the start of the SHA-256 of its pixels, [h, w, c]."""
    return hashlib.sha256(content(image.permute(1, 2, 0))).hexdigest()[:16]


def divided(images: Tensor, splits: list[str]) -> dict[str, Tensor]:
    """Return the indices of the images to train on, to measure accuracy on, and to test at the end."""
    held_out = {{d: split for split, known in json.loads(HELD_OUT.read_text()).items() for d in known}}
    if held_out:
        splits = [held_out.get(digest(x), split) for x, split in zip(images, splits, strict=True)]
    names = ("train", "validation", "test")
    rows = {{name: torch.tensor([i for i, s in enumerate(splits) if s == name]).long() for name in names}}
    if not len(rows["validation"]):
        generator = torch.Generator().manual_seed(0)
        order = rows["train"][torch.randperm(len(rows["train"]), generator=generator)]
        rows["validation"], rows["train"] = order[::10], order[torch.arange(len(order)) % 10 != 0]
    if not len(rows["train"]):
        raise ValueError(f"{{len(images)}} images, none to train on: expected some that are not held out.")
    return rows


def prepared(images: Tensor{side_parameter}) -> Tensor:
    """Return images in [0, 1] {preparing} for the network, [b, c, r, r]."""
    images = (images - MEAN.to(images.device)) * STD.to(images.device).reciprocal()
{resizing}    return images.contiguous(memory_format=torch.channels_last)


def batches(count: int{most_parameter}) -> Iterator[Tensor]:
    """Yield indices in random order, in batches of nearly equal size."""
    order = torch.randperm(count){most}
    yield from order.tensor_split(max(1, -(-len(order) // BATCH_SIZE)))

{augmentation}{mixing}
def rate_at(progress: float) -> float:
    """Return the share of the learning rate after a share `progress` of the training, in [0, 1]."""
    if progress < WARMUP:
        return progress / WARMUP
    start = max(DECAY_FROM, WARMUP)
    if progress <= start:
        return 1.0
    fallen = 0.5 * (1 - math.cos(math.pi * (progress - start) / (1 - start)))
    return 1 - fallen * (1 - FINAL_RATE)


def make_optimiser(network: nn.Module, rate: float) -> torch.optim.Optimizer:
    """Return the optimiser, without weight decay for norms, biases and scales of whatever shape."""
    parameters = list(network.parameters())
    kernels = {{id(m.weight) for m in network.modules() if isinstance(m, (nn.Linear, nn.Conv2d))}}
    kernels |= {{id(p) for p in parameters if sum(side > 1 for side in p.shape) > 1}}  # not in a layer
    groups = [
        {{"params": [p for p in parameters if id(p) in kernels], "weight_decay": WEIGHT_DECAY}},
        {{"params": [p for p in parameters if id(p) not in kernels], "weight_decay": 0.0}},
    ]
    return {optimiser}

{recalibrate}{drop_path}{average}
@torch.inference_mode()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor, device: torch.device) -> float:
    """Return the share of images that are classified correctly."""
    network.eval()
    right = 0
    for x, y in zip(images.split(BATCH_SIZE), labels.split(BATCH_SIZE), strict=True):
        right += int((network(prepared(x.to(device) * (1 / 255))).argmax(dim=1).cpu() == y).sum())
    return right / len(labels)


def start_from(path: Path, network: nn.Module) -> None:
    """Load weights, but for a head of other classes."""
    weights = load_file(path)
    if len(weights.get("head.bias", ())) != len(network.head.bias):
        weights = {{name: value for name, value in weights.items() if not name.startswith("head.")}}
    known = network.state_dict()
    missing = [name for name in known if name not in weights and not name.startswith("head.")]
    other = [name for name in weights if name not in known or weights[name].shape != known[name].shape]
    if missing or other:
        raise ValueError(f"Cannot start from '{{path}}': expected weights of {name} for training.")
    network.load_state_dict(weights, strict=False)


def write(network: nn.Module, path: Path) -> None:
    """Write the weights, as safetensors unless the file is called otherwise."""
    weights = network.state_dict()
    if path.suffix in {{".pt", ".pth"}}:
        torch.save({{name: value.cpu() for name, value in weights.items()}}, path)
        return
    header, end = {{}}, 0  # written here, because safetensors needs NumPy to write
    for name, value in weights.items():
        span = [end, end := end + value.nbytes]
        kind = {{torch.float32: "F32", torch.int64: "I64"}}[value.dtype]
        header[name] = {{"dtype": kind, "shape": list(value.shape), "data_offsets": span}}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(map(content, weights.values())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lr", type=float, default=LEARNING_RATE, help="highest learning rate")
    parser.add_argument("--weights", type=Path, help="safetensors file to start from")
    parser.add_argument("--save", type=Path, default=Path("trained.safetensors"))
    parser.add_argument("--teacher", help="trained network to learn from too, see teacher.py")
    parser.add_argument("--teacher-share", type=float, default={teacher_share}, help="its share of the loss")
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    try:
        images, labels, splits = read(given.images)
        classes = 1 + max(labels.tolist(), default=0)
        network = build_network(num_classes=classes{build})
        if given.weights:
            start_from(given.weights, network)
        rows = divided(images, splits)
{opening}    except (ImportError, OSError, SafetensorError, ValueError) as error:
        parser.exit(2, f"{{error}}\\n")
    kept, held_out, tested = rows["train"], rows["validation"], rows["test"]
    sys.stdout.write(f"{{len(kept)}} images to train on, {{len(held_out)}} to measure accuracy on\\n")
    network.to(device, memory_format=torch.channels_last)
    optimiser = make_optimiser(network, given.lr)
{beginning}
    for epoch in range(given.epochs):
        network.train()
        chunks = list(batches(len(kept){most_argument}))
        for step, chunk in enumerate(chunks, start=1):
            for group in optimiser.param_groups:
                group["lr"] = given.lr * rate_at((epoch + step / len(chunks)) / given.epochs)
            x, y = images[kept[chunk]].to(device) * (1 / 255), labels[kept[chunk]].to(device)
{changing}
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled={autocast}):
                scores = network(prepared(x{side_argument}))
            loss = F.cross_entropy(scores.float(), y, label_smoothing=LABEL_SMOOTHING)
{teaching}            optimiser.zero_grad()
            loss.backward()
{clip}            optimiser.step()
{averaging}
{recalibrating}
        share = accuracy({evaluated}, images[held_out], labels[held_out], device)
        sys.stdout.write(f"epoch {{epoch + 1}}: loss {{loss.item():.3f}}, accuracy {{share:.2%}}\\n")
    if len(tested):
        share = accuracy({evaluated}, images[tested], labels[tested], device)
        sys.stdout.write(f"accuracy on {{len(tested)}} test images: {{share:.2%}}\\n")
    write({evaluated}, given.save)


if __name__ == "__main__":
    main()
'''

RECALIBRATE: Final = '''
@torch.no_grad()
def recalibrate(network: nn.Module, images: Tensor, rows: Tensor, device: torch.device) -> None:
    """Recompute the running statistics of batch norms, which lag behind the weights, on some images."""
    network.eval()
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
        norm.train()
    for chunk in list(batches(len(rows)))[:{batches}]:
        network(prepared(images[rows[chunk]].to(device) * (1 / 255)))
    for norm in norms:
        norm.momentum = 0.1

'''

DROP_PATH: Final = '''
def skipping(probability: float) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor | None]:
    """Return a hook that skips a block for some images (Huang et al., 2016, https://arxiv.org/abs/1603.09382)."""

    def hook(block: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        if not block.training or output.shape != inputs[0].shape:
            return None
        kept = torch.rand(len(output), 1, 1, 1, device=output.device) >= probability
        return inputs[0] + torch.where(kept, (output - inputs[0]) / (1 - probability), 0.0)

    return hook

'''

DROPPING: Final = """    blocks = [block for stage in network.stages for block in stage]
    for number, block in enumerate(blocks, start=1):
        block.register_forward_hook(skipping({drop_path} * number / len(blocks)))
"""

AVERAGE: Final = '''
@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, steps: int) -> None:
    """Update the moving average of the weights after a number of steps; buffers are copied."""
    decay = min({ema_decay}, (1 + steps) / (10 + steps))
    for own, other in zip(average.parameters(), network.parameters(), strict=True):
        own.lerp_(other, 1 - decay)
    for own, other in zip(average.buffers(), network.buffers(), strict=True):
        own.copy_(other)

'''

AVERAGED: Final = "    average, taken = copy.deepcopy(network).requires_grad_(False), 0\n"

AVERAGING: Final = "            taken += 1\n            follow(average, network, taken)\n"
