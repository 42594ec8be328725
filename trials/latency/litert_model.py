"""Converts a network to LiteRT (``.tflite``), in fp32 or quantised to int8; needs the extra ``litert``."""

import contextlib
import importlib.util
import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from search_spaces.errors import TargetError
from search_spaces.weight_bits import marked_blocks
from trials.latency.litert_pooling import with_whole_windows
from trials.latency.onnx_model import REFERENCE_RESOLUTION, ReferenceNetwork, check_dtype

INSTALL: Final = "python3 -m pip install litert-torch ai-edge-quantizer ai-edge-litert"
_PACKAGES: Final = ("litert_torch", "ai_edge_quantizer", "ai_edge_litert")
_NOISE_IMAGES: Final = 4  # values of weights and scales do not change the speed
_OPERATOR: Final = re.compile(r"Lowering not found: ([\w.]+)|failed to legalize operation '([\w.]+)'")


def check_installed(packages: Sequence[str] = _PACKAGES) -> None:
    """Check that the packages of the extra ``litert`` are there, without importing them.

    Args:
        packages: Names by which they are imported.

    Raises:
        TargetError: if one is not.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise TargetError(
                f"LiteRT needs the package '{package}', which is not installed: expected those of the extra "
                f"'litert'. Run {INSTALL}"
            )


def litert_model(
    network: nn.Module,
    *,
    resolution: int,
    in_channels: int,
    dtype: str = "fp32",
    images: Tensor | None = None,
) -> bytes:
    """Return the LiteRT file of a network, images [1, r, r, in_channels] -> scores [1, classes].

    Channels come last, as the runtime's kernels and cameras have them. The batch is one image.

    Args:
        network: Network in its inference form, [1, in_channels, r, r] -> [1, classes].
        resolution: Side of the square images in pixels, r.
        in_channels: Number of channels of an image.
        dtype: ``fp32``, or ``int8``: int8 weights, scaled per channel, and int8 activations, images and
            scores, whose scales are in the file.
        images: Images on which int8 is calibrated, [n, in_channels, r, r]; None for noise, which is enough
            for a file that is only timed.

    Raises:
        TargetError: if the extra is not installed, the dtype is unknown, the images have another shape, or
            the converter lacks an operator of the network.
    """
    check_installed()
    check_dtype(dtype)
    if dtype == "int8" and marked_blocks(network):
        raise TargetError(
            f"LiteRT is given weights of 8 bits alone: the network has weight_bits 4 in "
            f"{', '.join(marked_blocks(network))}. Leave weight_bits out of the space."
        )
    shape = (in_channels, resolution, resolution)
    if images is not None and tuple(images.shape[1:]) != shape:
        raise TargetError(
            f"Cannot calibrate int8 on images of the shape {tuple(images.shape[1:])}: expected {shape}, "
            f"channels, height and width of what the network takes."
        )
    with _quiet():
        plain = _converted(network, torch.zeros(1, *shape[1:], in_channels))
        if dtype == "fp32":
            return plain
        try:
            return _quantised(plain, _noise(shape) if images is None else images)
        except Exception as error:  # of the quantiser, of several kinds
            raise TargetError(
                f"Cannot quantise the network for LiteRT: {_reason(error)}. Expected operators that "
                f"ai-edge-quantizer knows; use dtype=fp32, or runtime=onnxruntime."
            ) from error


@cache
def reference_litert(dtype: str) -> bytes:
    """Return the reference network of `trials.latency.onnx_model.reference_model` as a LiteRT file."""
    network = ReferenceNetwork().eval()
    return litert_model(network, resolution=REFERENCE_RESOLUTION, in_channels=3, dtype=dtype)


class _ChannelsLast(nn.Module):
    """Takes images with their channels last."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    @override
    def forward(self, images: Tensor) -> Tensor:
        return self.network(images.permute(0, 3, 1, 2))  # [1, r, r, c] -> [1, classes]


def _converted(network: nn.Module, image: Tensor) -> bytes:
    import litert_torch  # noqa: PLC0415 -- seconds, and an extra

    whole = _ChannelsLast(with_whole_windows(network.eval(), image.permute(0, 3, 1, 2)))
    try:
        return bytes(litert_torch.convert(whole.eval(), (image,)).model_content())
    except Exception as error:  # of torch, of JAX and of MLIR, each of its own kind
        raise TargetError(
            f"Cannot convert the network to LiteRT: {_reason(error)}. Expected operators that litert-torch "
            f"converts; leave what needs it out of the space, or measure with runtime=onnxruntime."
        ) from error


def _quantised(plain: bytes, images: Tensor) -> bytes:
    """Return a file with int8 weights and activations, calibrated on images, [n, c, r, r].

    Activations are scaled by the smallest and largest value of all images, as for ONNX Runtime. The default
    of the quantiser clips what lies beyond moving averages over the images.
    """
    from ai_edge_quantizer import calibrator, quantizer, recipe, recipe_manager  # noqa: PLC0415 -- an extra
    from ai_edge_quantizer.utils.qsv_utils import min_max_update  # noqa: PLC0415

    from trials.latency.litert_timing import opened  # noqa: PLC0415 -- needs the extra

    ((signature, names),) = opened(plain).get_signature_list().items()
    (entry,) = names["inputs"]
    rows = images.permute(0, 2, 3, 1).contiguous().numpy()  # [n, r, r, c]
    static = recipe.static_wi8_ai8()
    asked = recipe_manager.RecipeManager()
    asked.load_quantization_recipe(static)
    seen = calibrator.Calibrator(plain, num_threads=1, qsv_update_func=min_max_update)
    seen.calibrate({signature: [{entry: row[None]} for row in rows]}, asked)
    work = quantizer.Quantizer(plain, static)
    done = work.quantize(seen.get_model_qsvs(), enable_progress_report=False).quantized_model
    assert done is not None
    return bytes(done)


def _noise(shape: tuple[int, ...]) -> Tensor:
    noise = np.random.default_rng(0).standard_normal((_NOISE_IMAGES, *shape))
    return torch.from_numpy(noise.astype(np.float32))


def _reason(error: Exception) -> str:
    """Return the operator that is lacking, or else the first line of an error."""
    text = str(error)
    found = _OPERATOR.search(text)
    if found is not None:
        return f"it has no operator for {found[1] or found[2]}"
    line: str = text.strip().partition("\n")[0].rpartition("error: ")[2] or type(error).__name__
    return line[:200].rstrip(".")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep progress and advice of the converter from the user, and its draws from torch's generator."""
    before, said = logging.root.manager.disable, io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        torch.random.fork_rng(devices=[]),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
