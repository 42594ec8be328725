"""Does work in as few parts as fit into memory, and says in one line when even the smallest does not.

Torch raises `torch.OutOfMemoryError` for CUDA alone. The allocators of the CPU and of MPS raise a plain
RuntimeError, and libraries below torch report their own failed allocations, so these are recognised by their
text.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import torch

from trials.training.errors import OutOfMemoryError

T = TypeVar("T")

SMALLEST_TRAINED: Final = 2
"""Images of the smallest part in training: a variance needs two values, and a map may be one pixel."""
_SIGNS: Final = (
    "out of memory",  # CUDA, MPS
    "DefaultCPUAllocator",  # c10/core/impl/alloc_cpu.cpp
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUSOLVER_STATUS_ALLOC_FAILED",
    "std::bad_alloc",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory could not be allocated."""
    if isinstance(error, OutOfMemoryError | torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


@contextmanager
def out_of_memory_named() -> Iterator[None]:
    """Raise memory that runs out inside the ``with`` block as an error that names what may help.

    Raises:
        OutOfMemoryError: in place of the error of torch or Python.
    """
    try:
        yield
    except OutOfMemoryError:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise _named("this network", error) from error


class FittingParts:
    """Does work on some images at once or, when memory runs out, in parts; remembers in how many.

    Args:
        device: Device whose unused memory is released before the next attempt.
        smallest: Images of the smallest part, at least 1.

    Attributes:
        device: The device.
    """

    def __init__(self, device: torch.device, smallest: int = 1) -> None:
        self.device: Final = device
        self._smallest, self._count = smallest, 1

    def run(
        self, images: int, work: Callable[[int], T], *, after_failure: Callable[[], None] = lambda: None
    ) -> T:
        """Return what `work` returns for the number of parts that fit.

        Args:
            images: Number of images.
            work: Does all of the work in the given number of parts; begins anew each time.
            after_failure: Undoes an attempt that ran out of memory.

        Raises:
            OutOfMemoryError: if the smallest part does not fit.
        """
        most = max(1, images // self._smallest)
        while True:
            count = min(self._count, most)
            try:
                return work(count)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if count == most:
                    each = "one image" if images <= most else f"{self._smallest} images"
                    raise _named(f"{each} at a time", error) from error
            self._count = min(2 * count, most)  # after the block: the traceback holds tensors
            after_failure()
            _release(self.device)


def _release(device: torch.device) -> None:
    """Return cached memory to the device, for parts of another size."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _named(what: str, error: BaseException) -> OutOfMemoryError:
    text = " ".join(str(error).split())
    start = max(0, text.find("DefaultCPUAllocator"))  # before it, a place in torch's source
    reason = text[start:].partition(". ")[0].rstrip(".") or type(error).__name__
    return OutOfMemoryError(
        f"The device has too little memory for {what} ({reason}). A smaller network, a larger part of the "
        f"GPU or precision: bf16 may help."
    )
