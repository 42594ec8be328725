"""What runs on a worker: one trial, reporting each epoch to the driver."""

import logging
from typing import Any

import torch

from trials.trainable import run_trial


def train_on_worker(config: dict[str, Any]) -> None:
    """Train the network that Ray Tune hands over and report each epoch by name.

    A training that fails reports why, so that the driver can record it; only the death of the
    process is left to Ray, which starts the trial again from its checkpoint.

    Args:
        config: The fields of `trials.trainable.TrialConfig`, and ``gpu_share``, the part of the GPU's
            memory that the trial may take.
    """
    from ray import tune  # noqa: PLC0415 -- a second to import, and the driver's tests do not need it

    if config.get("gpu_share"):
        # Ray's fractions of a GPU are bookkeeping; this is what keeps trials apart in its memory.
        torch.cuda.set_per_process_memory_fraction(config["gpu_share"])
    try:
        run_trial(config, lambda result: tune.report(result.to_json()))
    except Exception as error:
        logging.getLogger(__name__).exception("Trial %d failed.", config["trial"])
        tune.report({"error": " ".join(f"{type(error).__name__}: {error}".split())[:500]})
