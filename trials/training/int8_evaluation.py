"""Evaluates the int8 form of a trained network, on the validation images of its search."""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from trials.images.splits import Images, Splits
from trials.latency.host_lock import host_lock
from trials.training.batches import BatchSource, Preprocessor
from trials.training.epoch_result import EpochResult
from trials.training.errors import TrainingError
from trials.training.evaluation import evaluate
from trials.training.measurement_turns import take_turns
from trials.training.predictions import predictions
from trials.training.recipe import Recipe

CALIBRATION: Final = 64
"""Training images by which int8 is calibrated, in a search as in an export."""


def calibration_rows(images: Images) -> Int64[Tensor, " n"]:
    """Return which images of a split calibrate, at even distances, so that all classes do."""
    count = min(CALIBRATION, len(images))
    return torch.arange(count) * len(images) // count


def calibration_images(splits: Splits, resolution: int) -> Float[Tensor, "n c r r"]:
    """Return the training images that calibrate, as a network of a resolution takes them, in main memory."""
    device = torch.device("cpu")
    images, _ = BatchSource(splits.train, device).batch(calibration_rows(splits.train))
    return Preprocessor(splits.mean, splits.std, resolution, device)(images).contiguous()


def with_int8(
    result: EpochResult,
    network: nn.Module,
    splits: Splits,
    recipe: Recipe,
    resolution: int,
    *,
    predicted: Path | None = None,
) -> EpochResult:
    """Return the result of the last epoch with what the int8 form reaches; arguments as for `int8_scores`."""
    found = int8_scores(network, splits, recipe, resolution, lock=host_lock(), predicted=predicted)
    return replace(result, int8=found, seconds=result.seconds + found["seconds"])


def int8_scores(
    network: nn.Module,
    splits: Splits,
    recipe: Recipe,
    resolution: int,
    *,
    images: Images | None = None,
    lock: Path | None = None,
    predicted: Path | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Return the scores of the int8 form by name, and the ``seconds`` they took.

    Runs on the CPU, on torch's number of threads, whatever trained the network.

    Args:
        network: Trained network; left as it is.
        splits: Images that it was trained on.
        recipe: Recipe that trained it.
        resolution: Side of the images that it takes, in pixels.
        images: Images that it is evaluated on; None for those of validation.
        lock: Lock of the host that keeps measurements apart from training; None if nothing is measured.
        predicted: Where the predicted classes of the images are written; None for nowhere.
        clock: Returns seconds.

    Raises:
        TrainingError: if the network has no int8 form.
    """
    started, device = clock(), torch.device("cpu")
    plain = recipe.model_copy(update={"precision": "fp32"})  # the runtime has its own numbers
    with take_turns(lock, clock) as turns:
        form = _int8_form(network, calibration_images(splits, resolution))
        turns.step()
        source = BatchSource(splits.validation if images is None else images, device)
        preprocess = Preprocessor(splits.mean, splits.std, resolution, device)
        scores = evaluate(form, source, preprocess, plain, turns.step)
        if predicted is not None:
            predictions(form, source, preprocess, plain, turns.step).write(predicted)
        waited_s = turns.waited_s
    return {**asdict(scores), "seconds": clock() - started - waited_s}


def _int8_form(network: nn.Module, calibration: Tensor) -> nn.Module:
    # onnxruntime.quantization changes sys.path: searches in fp32 leave it as it is
    from trials.quantisation.int8_network import Int8Network  # noqa: PLC0415

    try:
        return Int8Network(network, calibration, threads=torch.get_num_threads())
    except Exception as error:  # of any operation that ONNX or its quantisation lacks
        line = str(error).strip().partition("\n")[0].rstrip(".")
        raise TrainingError(
            f"The network cannot be quantised to int8 ({type(error).__name__}: {line}). Expected operations "
            f"that ONNX Runtime quantises; use a space without it, or --deploy-dtype fp32."
        ) from error
