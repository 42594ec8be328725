"""Templates of the exported training script train.py, filled in by `training_script`."""

from typing import Final

SCRIPT: Final = '''"""Trains {name} with the recipe that was used, '{recipe}': python train.py IMAGES.

IMAGES is a folder with one subfolder of images for each class (needs Pillow), or a safetensors file with
`images`, uint8 [n, c, h, w], and `labels`, int64 [n]. All images are held in memory, and a tenth of them is
held out to measure accuracy.{left_out}
"""

import argparse
import copy
import math
import sys
from collections.abc import Callable, Iterator
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
WARMUP = {warmup}  # share of the training in which the learning rate rises
DECAY_FROM = {decay_from}  # share of the training after which it falls
FINAL_RATE = {final_rate}  # final learning rate, as a share of LEARNING_RATE
LABEL_SMOOTHING = {label_smoothing}


def read(path: Path) -> tuple[Tensor, Tensor]:
    """Return images, uint8 [n, c, h, w], and labels, int64 [n]."""
    if path.is_file():
        found = load_file(path)
        return found["images"], found["labels"]
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


def prepared(images: Tensor) -> Tensor:
    """Return images in [0, 1] preprocessed for the network, [b, c, r, r]."""
    images = (images - MEAN.to(images.device)) / STD.to(images.device)
    if images.shape[2:] != (SIDE, SIDE):
        shrinks = max(images.shape[2:]) > SIDE
        images = F.interpolate(images, size=(SIDE, SIDE), mode="bilinear", antialias=shrinks)
    return images.contiguous(memory_format=torch.channels_last)


def batches(count: int{most_parameter}) -> Iterator[Tensor]:
    """Yield indices in random order, in batches of nearly equal size."""
    order = torch.randperm(count){most}
    yield from order.tensor_split(max(1, -(-len(order) // BATCH_SIZE)))

{augmentation}{mixing}
def rate_at(progress: float) -> float:
    """Return the learning rate after a share `progress` of the training, in [0, 1]."""
    if progress < WARMUP:
        return LEARNING_RATE * progress / WARMUP
    start = max(DECAY_FROM, WARMUP)
    if progress <= start:
        return LEARNING_RATE
    fallen = 0.5 * (1 - math.cos(math.pi * (progress - start) / (1 - start)))
    return LEARNING_RATE * (1 - fallen * (1 - FINAL_RATE))


def make_optimiser(network: nn.Module) -> torch.optim.Optimizer:
    """Return the optimiser, without weight decay for norms and biases."""
    parameters = list(network.parameters())
    groups = [
        {{"params": [p for p in parameters if p.ndim > 1], "weight_decay": WEIGHT_DECAY}},
        {{"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0}},
    ]
    return {optimiser}

{recalibrate}{drop_path}{average}
@torch.inference_mode()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor, device: torch.device) -> float:
    """Return the share of images that are classified correctly."""
    network.eval()
    right = 0
    for x, y in zip(images.split(BATCH_SIZE), labels.split(BATCH_SIZE), strict=True):
        right += int((network(prepared(x.to(device) / 255)).argmax(dim=1).cpu() == y).sum())
    return right / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, help="safetensors file to start from")
    parser.add_argument("--save", type=Path, default=Path("trained.pt"))
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    images, labels = read(given.images)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    held_out, kept = order[::10], order[torch.arange(len(order)) % 10 != 0]
    classes = int(labels.max()) + 1
    network = {name}(num_classes=classes{build})
    if given.weights:
        weights = load_file(given.weights)
        if len(weights["head.bias"]) != classes:  # a head for other classes is not loaded
            weights = {{k: v for k, v in weights.items() if not k.startswith("head.")}}
        network.load_state_dict(weights, strict="head.bias" in weights)
    network.to(device, memory_format=torch.channels_last)
    optimiser = make_optimiser(network)
{beginning}
    for epoch in range(given.epochs):
        network.train()
        chunks = list(batches(len(kept){most_argument}))
        for step, chunk in enumerate(chunks, start=1):
            for group in optimiser.param_groups:
                group["lr"] = rate_at((epoch + step / len(chunks)) / given.epochs)
            x, y = images[kept[chunk]].to(device) / 255, labels[kept[chunk]].to(device)
{changing}
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled={autocast}):
                scores = network(prepared(x))
            loss = F.cross_entropy(scores.float(), y, label_smoothing=LABEL_SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
{clip}            optimiser.step()
{averaging}
{recalibrating}
        share = accuracy({evaluated}, images[held_out], labels[held_out], device)
        sys.stdout.write(f"epoch {{epoch + 1}}: loss {{loss.item():.3f}}, accuracy {{share:.2%}}\\n")
    torch.save({evaluated}.state_dict(), given.save)


if __name__ == "__main__":
    main()
'''

RECALIBRATE: Final = '''
@torch.no_grad()
def recalibrate(network: nn.Module, images: Tensor, device: torch.device) -> None:
    """Recompute the running statistics of batch norms, which lag behind the weights."""
    network.eval()
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
        norm.train()
    for chunk in list(batches(len(images)))[:{batches}]:
        network(prepared(images[chunk].to(device) / 255))
    for norm in norms:
        norm.momentum = 0.1

'''

MIXING: Final = '''
def mixed(images: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return images mixed with their predecessors in the batch, and soft targets, [b, classes]."""
    partners, targets = images.roll(1, 0), F.one_hot(labels, classes).float()
{mixing}
    return images, targets.roll(1, 0).lerp(targets, share)

'''

MIXUP: Final = """    share = float(torch.distributions.Beta({alpha}, {alpha}).sample())
    images = partners.lerp(images, share)  # mixup, Zhang et al., 2017, https://arxiv.org/abs/1710.09412
"""

CUTMIX: Final = """    # CutMix, Yun et al., 2019, https://arxiv.org/abs/1905.04899
    share = float(torch.distributions.Beta({alpha}, {alpha}).sample())
    spans = []
    for side in images.shape[2:]:
        centre, length = int(torch.randint(side, ())), round(side * math.sqrt(1 - share))
        spans.append(slice(max(0, centre - length // 2), min(side, centre + length - length // 2)))
    images = images.clone()
    images[:, :, spans[0], spans[1]] = partners[:, :, spans[0], spans[1]]
    cut = (spans[0].stop - spans[0].start) * (spans[1].stop - spans[1].start)
    share = 1 - cut / (images.shape[2] * images.shape[3])
"""

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
