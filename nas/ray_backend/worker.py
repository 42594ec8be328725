"""What runs on a worker: one trial, reporting each epoch to the driver."""

import functools
import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch

from nas.files.remote_training import run_kept
from nas.ray_backend.node_info import node_facts
from nas.storage.retry import is_full
from search_spaces.errors import FilesError, StorageError
from trials.latency.gpu_utilisation import DeviceUse
from trials.training.epoch_result import EpochResult
from trials.training.errors import SupersededError
from trials.training.run_trial import TrialConfig


def train_on_worker(config: dict[str, Any]) -> None:
    """Train the network that Ray Tune hands over and report each epoch by name.

    A training that fails reports why, so that the driver can record it. One whose process dies reports
    nothing: the driver has it begun again from its checkpoint.

    Args:
        config: `trials.training.run_trial.TrialConfig` as JSON; ``gpu_share``, the part of the GPU's
            memory that the trial may take; on a cluster ``expected``, what `nas.ray_backend.node_info` has
            to say.
    """
    from ray import tune  # noqa: PLC0415 -- a second to import, and the driver's tests do not need it

    if config.get("gpu_share"):
        # Ray's fractions of a GPU are bookkeeping; this is what keeps trials apart in its memory.
        torch.cuda.set_per_process_memory_fraction(config["gpu_share"])
    refusal = _refusal(config)
    if refusal is not None:
        tune.report(refusal)
        return
    try:
        with ExitStack() as stack:
            run_kept(TrialConfig.from_json(config), _telling(tune.report, config["device"], stack))
    except SupersededError as error:
        logging.getLogger(__name__).warning("%s", error)
        tune.report({"superseded": True})
    except (FilesError, StorageError) as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 -- the line says it all
        tune.report({"error": str(error), "away": True})
    except Exception as error:
        logging.getLogger(__name__).exception("Trial %d failed.", config["trial"])
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        tune.report({"error": reason, "full": is_full(error)})


def _refusal(config: dict[str, Any]) -> dict[str, str] | None:
    """Return what is reported where this node differs from the driver's machine, None if it does not."""
    if "expected" not in config:
        return None
    import ray  # noqa: PLC0415 -- see above

    from nas.ray_backend.ray_cluster import difference  # noqa: PLC0415

    reason = difference(config["expected"], _facts())
    if reason is None:
        return None
    context = ray.get_runtime_context()
    return {
        "refused": f"The node {ray.util.get_node_ip_address()} {reason}",
        "node": context.get_node_id(),
    }


@functools.cache
def _facts() -> dict[str, Any]:
    """Return what this process was started with, whatever is installed over it later."""
    return node_facts()


def _telling(
    report: Callable[[dict[str, Any]], None], device: str, stack: ExitStack
) -> Callable[[EpochResult], None]:
    """Return what is called with each epoch, which adds how busy the GPU was, where there is one."""
    if not device.startswith("cuda"):
        return lambda result: report(result.to_json())
    use = stack.enter_context(DeviceUse())
    name = torch.cuda.get_device_name()
    return lambda result: report({**result.to_json(), "device": name, "device_use": use.mean()})
