"""The training script that is delivered with a network, before its numbers are filled in."""

from typing import Final

SCRIPT: Final = '''"""Trains {name} with the recipe that was used: python train.py IMAGES.

IMAGES is a folder with one folder of images a class, which takes Pillow to read, or a safetensors file
with `images`, uint8 [n, c, h, w], and `labels`, int64 [n]. All are held in memory, and every tenth is
kept from training to measure accuracy.{left_out}
"""

import argparse
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

# isort: split
from {name} import {name}

SIDE = {side}  # pixels
CHANNELS = {channels}
MEAN = torch.tensor({mean}).reshape(-1, 1, 1)
STD = torch.tensor({std}).reshape(-1, 1, 1)
EPOCHS = {epochs}
BATCH_SIZE = {batch_size}
LEARNING_RATE = {learning_rate}
WEIGHT_DECAY = {weight_decay}
WARMUP = {warmup}  # share of the training over which the rate rises
DECAY_FROM = {decay_from}  # share of the training after which it falls
FINAL_RATE = {final_rate}  # share of the rate that is left at the end
LABEL_SMOOTHING = {label_smoothing}


def read(path: Path) -> tuple[Tensor, Tensor]:
    """Return images, uint8 [n, c, r, r], and labels, int64 [n]."""
    if path.is_file():
        found = load_file(path)
        images = F.interpolate(found["images"].float(), (SIDE, SIDE), mode="bilinear", antialias=True)
        return images.round().clamp(0, 255).byte(), found["labels"]
    from PIL import Image

    folders = sorted(folder for folder in path.iterdir() if folder.is_dir())
    images, labels = [], []
    for label, folder in enumerate(folders):
        for file in sorted(folder.iterdir()):
            with Image.open(file) as image:
                pixels = image.convert("L" if CHANNELS == 1 else "RGB").resize((SIDE, SIDE))
                flat = torch.frombuffer(bytearray(pixels.tobytes()), dtype=torch.uint8)
            images.append(flat.reshape(SIDE, SIDE, CHANNELS).permute(2, 0, 1))
            labels.append(label)
    return torch.stack(images), torch.tensor(labels)


def prepared(images: Tensor, device: torch.device) -> Tensor:
    """Return pixels as the network takes them, [b, c, r, r]."""
    return ((images.float() / 255 - MEAN) / STD).to(device, memory_format=torch.channels_last)


def batches(count: int) -> Iterator[Tensor]:
    """Yield the indices of whole batches in random order."""
    size = min(BATCH_SIZE, count)
    yield from torch.randperm(count)[: count - count % size].split(size)

{augmented}
def rate_at(progress: float) -> float:
    """Return the learning rate when a share `progress` of the training is done."""
    if progress < WARMUP:
        return LEARNING_RATE * progress / WARMUP
    start = max(DECAY_FROM, WARMUP)
    if progress <= start:
        return LEARNING_RATE
    fallen = 0.5 * (1 - math.cos(math.pi * (progress - start) / (1 - start)))
    return LEARNING_RATE * (1 - fallen * (1 - FINAL_RATE))


def make_optimiser(network: nn.Module) -> torch.optim.Optimizer:
    """Return the optimiser; norms and biases do not decay."""
    parameters = list(network.parameters())
    groups = [
        {{"params": [p for p in parameters if p.ndim > 1], "weight_decay": WEIGHT_DECAY}},
        {{"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0}},
    ]
    return {optimiser}

{recalibrate}
@torch.inference_mode()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor, device: torch.device) -> float:
    """Return the share of images that are classified correctly."""
    network.eval()
    right = 0
    for x, y in zip(images.split(BATCH_SIZE), labels.split(BATCH_SIZE), strict=True):
        right += int((network(prepared(x, device)).argmax(dim=1).cpu() == y).sum())
    return right / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, help="safetensors to start from")
    parser.add_argument("--save", type=Path, default=Path("trained.pt"))
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    images, labels = read(given.images)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    held_out, kept = order[::10], order[torch.arange(len(order)) % 10 != 0]
    network = {name}(num_classes=int(labels.max()) + 1{build})
    if given.weights:
        network.load_state_dict(load_file(given.weights))
    network.to(device, memory_format=torch.channels_last)
    optimiser = make_optimiser(network)
    for epoch in range(given.epochs):
        network.train()
        chunks = list(batches(len(kept)))
        for step, chunk in enumerate(chunks):
            for group in optimiser.param_groups:
                group["lr"] = rate_at((epoch + step / len(chunks)) / given.epochs)
            x = {augment}prepared(images[kept[chunk]], device){close}
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled={autocast}):
                scores = network(x)
            y = labels[kept[chunk]].to(device)
            loss = F.cross_entropy(scores.float(), y, label_smoothing=LABEL_SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
{clip}            optimiser.step()
{recalibrating}        share = accuracy(network, images[held_out], labels[held_out], device)
        sys.stdout.write(f"epoch {{epoch + 1}}: loss {{loss.item():.3f}}, accuracy {{share:.2%}}\\n")
    torch.save(network.state_dict(), given.save)


if __name__ == "__main__":
    main()
'''

AUGMENTED: Final = '''
def augmented(images: Tensor) -> Tensor:
    """Return images moved at random{flipped_words}."""
    maps = torch.eye(2, 3, device=images.device).repeat(len(images), 1, 1)
    maps[:, :, 2] = {shift} * (4 * torch.rand(len(images), 2, device=images.device) - 2)
{flips}    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)

'''

FLIPS: Final = """    maps[:, 0, 0] = torch.randint(0, 2, (len(images),), device=images.device) * 2.0 - 1
"""

RECALIBRATE: Final = '''
@torch.no_grad()
def recalibrate(network: nn.Module, images: Tensor, device: torch.device) -> None:
    """Estimate the statistics of batch norms anew, as they lag behind the weights."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
    network.train()
    for chunk in list(batches(len(images)))[:{batches}]:
        network(prepared(images[chunk], device))
    for norm in norms:
        norm.momentum = 0.1

'''
