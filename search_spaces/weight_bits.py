"""Bits of weights: which blocks of a network hold their weights in 4 bits, and how many bytes these take.

``weight_bits`` is an option that every block takes: 8, or 4 for the weights of its convolutions. As ONNX
holds these, the weights of an output channel are one row, packed two to a byte, with one fp32 scale for every
32 of them and no zero point (https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html). All other
parameters are as int8 has them.
"""

from typing import Any, Final

from search_spaces.architecture import Architecture, Options
from search_spaces.errors import ArchitectureError
from search_spaces.tape import Int

WEIGHT_BITS: Final = "weight_bits"
BITS: Final = (8, 4)
WHOLE_BITS: Final = 8
"""Bits of a block whose options say nothing."""
SHARING: Final = 32
"""Weights of a row that share a scale."""
LARGEST: Final = 7
"""Largest absolute value of an integer of 4 bits, which is used symmetrically."""
_SCALE: Final = 4  # bytes
_MARK: Final = "four_bit_blocks"


def bits_of(options: Options) -> int:
    """Return the bits of the weights of a block with some options, 8 or 4.

    Raises:
        ArchitectureError: if they are others.
    """
    found = next((value for name, value in options if name == WEIGHT_BITS), WHOLE_BITS)
    if found not in BITS:
        raise ArchitectureError(f"A block has {WEIGHT_BITS} {found!r}: expected 8 or 4.")
    return next(bits for bits in BITS if bits == found)


def packed_bytes(rows: Int, taps: Int) -> Int:
    """Return the bytes that the weights of a convolution take in 4 bits, with their scales.

    Args:
        rows: Output channels.
        taps: Weights of each.
    """
    return -(-rows * taps // 2) + _SCALE * rows * -(-taps // SHARING)


def four_bit_blocks(architecture: Architecture) -> tuple[str, ...]:
    """Return the modules of the built network whose convolutions have weights of 4 bits, ``stages.0.1``."""
    return tuple(
        f"stages.{stage}.{number}"
        for stage, described in enumerate(architecture.stages)
        for number, options in enumerate(described.block_options)
        if bits_of(options) < WHOLE_BITS
    )


def mark(network: Any, blocks: tuple[str, ...]) -> None:
    """Note on a built network which of its blocks have weights of 4 bits; copies of it keep the note."""
    if blocks:
        setattr(network, _MARK, blocks)


def marked_blocks(network: Any) -> tuple[str, ...]:
    """Return the blocks of a network that `mark` has noted, none for a network that nobody marked."""
    found: tuple[str, ...] = getattr(network, _MARK, ())
    return found
