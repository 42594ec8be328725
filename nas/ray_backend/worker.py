"""Runs one trial on a Ray worker and reports each epoch to the driver."""

import functools
import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Final

import torch

from nas.files.remote_training import run_with_uploads
from nas.ray_backend.node_info import look_in, node_facts
from nas.ray_backend.ray_cluster import Cluster, difference, own_folders
from nas.storage.retry import is_full
from search_spaces.errors import FilesError, StorageError
from trials.training.epoch_result import EpochResult
from trials.training.errors import SupersededError
from trials.training.gpu_utilisation import GpuUtilisationMonitor
from trials.training.run_trial import TrialConfig

_log = logging.getLogger(__name__)

PROGRESS: Final = "progress"
"""Key of a report that says how far an epoch is, and nothing else."""


def worker_config(trial: TrialConfig, *, gpu_share: float, cluster: Cluster | None) -> dict[str, Any]:
    """Return what `train_on_worker` receives, as JSON has it.

    Args:
        trial: What is trained and how.
        gpu_share: Share of a GPU's memory that the training may take, in (0, 1); 0 for no limit.
        cluster: The cluster whose nodes must have the versions of this machine; None for this machine.
    """
    needed = {} if cluster is None else cluster.requirements()
    return {"trial": trial.to_json(), "gpu_share": gpu_share, "folders": own_folders(), **needed}


def train_on_worker(config: dict[str, Any]) -> None:
    """Train the network that Ray Tune hands over and report each epoch by name.

    A training that fails reports why, so that the driver can record it. One whose process dies reports
    nothing: the driver begins it again from its checkpoint.

    Args:
        config: What `worker_config` returns.
    """
    from ray import tune  # noqa: PLC0415 -- a second to import, and the driver's tests do not need it

    look_in(config.get("folders", ()))
    if config["gpu_share"]:
        # Ray's fractions of a GPU are bookkeeping; this is what keeps trials apart in its memory.
        torch.cuda.set_per_process_memory_fraction(config["gpu_share"])
    refusal = _refusal(config)
    if refusal is not None:
        tune.report(refusal)
        return
    trial = TrialConfig.from_json(config["trial"])
    try:
        with ExitStack() as stack:
            run_with_uploads(
                trial,
                _epoch_reporter(tune.report, trial.device, stack),
                lambda progress: tune.report({PROGRESS: progress.to_json()}),
            )
    except SupersededError as error:
        _log.warning("%s", error)
        tune.report({"superseded": True})
    except (FilesError, StorageError) as error:
        _log.error("%s", error)
        tune.report({"error": str(error), "away": True})
    except Exception as error:
        _log.exception("Trial %d failed.", trial.trial)
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        tune.report({"error": reason, "full": is_full(error)})


def search_problem(result: Mapping[str, Any]) -> str | None:
    """Return why the last report of a worker ends the whole search, None if it does not."""
    if result.get("full"):
        return (
            f"A disk is full, or a file at its size limit: {result['error']}. Nothing that was finished is "
            f"lost: make room, then give the same command again to go on."
        )
    if result.get("away"):
        return f"{result['error']} Nothing that was finished is lost: the same command goes on."
    return None


def _refusal(config: dict[str, Any]) -> dict[str, str] | None:
    """Return what is reported where this node differs from the driver's machine, None if it does not."""
    if "expected" not in config:
        return None
    import ray  # noqa: PLC0415 -- see above

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


def _epoch_reporter(
    report: Callable[[dict[str, Any]], None], device: str, stack: ExitStack
) -> Callable[[EpochResult], None]:
    """Return a function that reports an epoch, with how busy the GPU was, where there is one."""
    if not device.startswith("cuda"):
        return lambda result: report(result.to_json())
    use = stack.enter_context(GpuUtilisationMonitor())
    name = torch.cuda.get_device_name()
    return lambda result: report({**result.to_json(), "device": name, "device_use": use.mean()})
