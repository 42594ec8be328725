"""Sets how many CPU threads torch uses in the calling thread, and restores the number afterwards.

`torch.set_num_threads` is for the whole process: an objective that runs in another thread meanwhile would see
and use the changed number, and two threads that restore it after each other may restore the wrong one. The
thread pools under torch have a number for each thread as well: OpenMP's ``omp_set_num_threads`` and MKL's
``MKL_Set_Num_Threads_Local``, which torch's library exports.
"""

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import torch

_LIBRARY: Final = "libtorch_cpu.dylib" if sys.platform == "darwin" else "libtorch_cpu.so"


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use `count` CPU threads inside the block, in this thread only.

    Small matrices are fastest on one, and their results are then the same on every machine.
    """
    before = torch.get_num_threads()  # also lets torch set up this thread, which would undo the change below
    openmp, mkl = _function("omp_set_num_threads"), _function("MKL_Set_Num_Threads_Local")
    openmp(count)
    mkl_before = mkl(count)
    try:
        yield
    finally:
        openmp(before)
        mkl(mkl_before)


@cache
def _function(name: str) -> Callable[[int], int]:
    """Return a function of torch's library or of those it loads; one without effect where there is none."""
    try:
        found: Callable[[int], int] = getattr(
            ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / _LIBRARY)), name
        )
    except (OSError, AttributeError):  # a build of torch without OpenMP or without MKL
        return lambda count: count
    return found
