"""Target ``node``: a node of the connected Ray cluster, ``node:10.0.0.7`` or ``node:pixel``.

It is given by its address in Ray or by a resource that it was started with: ``ray start --address=HEAD:6379
--num-cpus 0 --resources '{"pixel": 1}'``. The node needs onnxruntime in the Python that runs Ray, but not
this package.

Options: ``threads``, ``dtype`` and ``runtime`` as for cpu; ``provider`` of ONNX Runtime there; ``python``,
another interpreter there; ``time_limit_s``, the longest time to wait.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from typing_extensions import override

from search_spaces.errors import TargetError
from trials.latency.latency import Condition
from trials.targets import Job
from trials.targets._agent_target import AgentTarget, check_in_time, last_line

_SHARE: Final = 0.001  # of the resource: it only selects the node; the agent has a lock of its own
_START_S: Final = 30  # longest start of Python and Ray there


class Node(AgentTarget):
    """Times networks on a node of a Ray cluster, with one Ray task for each measurement."""

    defaults: Mapping[str, Condition] = {**AgentTarget.defaults, "python": ""}
    addressed = True

    @override
    def name(self, job: Job) -> str:
        return f"node:{job.address}"

    @override
    def run(self, job: Job, files: Mapping[str, bytes], options: str) -> str:
        import ray  # noqa: PLC0415 -- a second, and other targets need none
        from ray.exceptions import GetTimeoutError, RayError  # noqa: PLC0415

        resource = self._resource(job)
        limit_s = int(str(job.options["time_limit_s"])) + _START_S
        task = ray.remote(num_cpus=0, max_retries=0, resources={resource: _SHARE})(_agent())
        answer = task.remote(dict(files), options, str(job.options["python"]), limit_s)
        try:
            status, output, errors = ray.get(answer, timeout=limit_s)
        except GetTimeoutError as error:
            ray.cancel(answer, force=True)
            raise TargetError(
                f"The target '{self.name(job)}' did not answer within {limit_s} s. Raise time_limit_s if it "
                f"needs longer."
            ) from error
        except RayError as error:
            raise TargetError(
                f"The target '{self.name(job)}' went away: {last_line(str(error))}. Is its node running?"
            ) from error
        check_in_time(job, self.name(job), status)
        if status:
            raise TargetError(
                f"The target '{self.name(job)}' could not run the timing (status {status}): "
                f"{last_line(errors)}. Expected Python 3.10 with the runtime there."
            )
        return str(output)

    def _resource(self, job: Job) -> str:
        """Return the resource that makes Ray place a task on this node.

        Raises:
            TargetError: if Ray is not connected, or no running node has this address or resource.
        """
        import ray  # noqa: PLC0415 -- see above

        if not ray.is_initialized():
            raise TargetError(
                f"The target '{self.name(job)}' is a node of a Ray cluster: expected the address of "
                f"the cluster. Give --address."
            )
        offered: set[str] = set().union(*(n["Resources"] for n in ray.nodes() if n["Alive"]))
        for resource in (job.address, f"node:{job.address}"):
            if job.address and resource in offered:
                return resource
        known = sorted(r.removeprefix("node:") for r in offered if r.startswith("node:") and "__" not in r)
        raise TargetError(
            f"No node of the Ray cluster has the name '{job.address}': expected the address of one "
            f"({', '.join(known)}) or a resource that it was started with, ray start --resources "
            f"'{json.dumps({job.address or 'pixel': 1})}'."
        )


def _agent() -> Any:
    """Return the function that runs there; as a nested function, Ray sends it by value."""

    def run_agent(files: dict[str, bytes], options: str, python: str, limit_s: int) -> tuple[int, str, str]:
        import subprocess  # noqa: PLC0415 -- the function must be self-contained
        import sys  # noqa: PLC0415
        import tempfile  # noqa: PLC0415
        from pathlib import Path  # noqa: PLC0415

        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                Path(folder, name).write_bytes(content)
            ended = subprocess.run(
                [Path(python or sys.executable).expanduser(), "agent.pyz", options],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=limit_s,
                check=False,
            )
        return ended.returncode, ended.stdout, ended.stderr

    return run_agent


TARGET: Final = Node()
