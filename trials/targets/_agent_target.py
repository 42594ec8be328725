"""Base of targets on other machines: sends the packed agent and models, reads its answer."""

import json
import signal
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import nn
from typing_extensions import override

from search_spaces.errors import TargetError
from trials.latency.latency import Condition, Latency
from trials.latency.layer_times import LayerTimes, layer_times
from trials.latency.litert_model import check_installed
from trials.latency.module_costs import module_costs
from trials.latency.onnx_model import check_dtype, onnx_model
from trials.latency.onnx_timing import CPU
from trials.latency.roofline_probes import peak_macs, peak_model, stream_model
from trials.latency.runtimes import DEFAULT, Runtime, runtime_called
from trials.latency.timing_agent import packed
from trials.latency.timing_protocol import Timing
from trials.targets import Job, Target, check_layers


class AgentTarget(Target):
    """Sends the agent and models to a machine and runs it there.

    The machine needs Python 3.10 and onnxruntime, or ai-edge-litert. Subclasses implement the connection.
    """

    defaults: Mapping[str, Condition] = {
        "threads": 1,
        "dtype": "fp32",
        "runtime": DEFAULT,
        "provider": CPU,
        "python": "python3",
        "time_limit_s": 120,
    }

    @abstractmethod
    def name(self, job: Job) -> str:
        """Return the name of the machine in messages."""

    @abstractmethod
    def run(self, job: Job, files: Mapping[str, bytes], options: str) -> str:
        """Run ``agent.pyz`` there in an empty folder.

        Args:
            job: Measurement, with the address of the machine.
            files: Content of the folder's files, by name.
            options: Only argument of the agent, as JSON.

        Returns:
            The agent's standard output.

        Raises:
            TargetError: if the machine does not answer, or the agent fails or exceeds the time limit.
        """

    @override
    def time(self, network: nn.Module, job: Job) -> Latency:
        dtype = str(job.options["dtype"])
        runtime = _runtime(job)
        shape = {"resolution": job.resolution, "in_channels": job.in_channels}
        files = {
            f"network{runtime.suffix}": runtime.model(network, **shape, dtype=dtype),
            f"reference{runtime.suffix}": runtime.reference(dtype),
        }
        answer = self._answer(job, files, seconds=job.seconds)
        try:
            timing, conditions = Timing.from_json(answer["timing"]), dict(answer["conditions"])
        except (KeyError, TypeError) as error:
            raise self._invalid_output(job, json.dumps(answer)) from error
        return Latency.of(timing, conditions | {"dtype": dtype, "resolution": job.resolution})

    @override
    def layers(self, network: nn.Module, job: Job) -> LayerTimes:
        check_layers(job)
        dtype = str(job.options["dtype"])
        shape = {"resolution": job.resolution, "in_channels": job.in_channels}
        model, modules = onnx_model(network, **shape, dtype=dtype), module_costs(network, **shape)
        files = {"network.onnx": model, "peak.onnx": peak_model(dtype), "stream.onnx": stream_model()}
        answer = self._answer(job, files, seconds=job.seconds)
        try:
            profile, conditions = answer["layers"], dict(answer["conditions"])
            more = {"dtype": dtype, "resolution": job.resolution}
            return layer_times(profile, modules, peak_macs(), conditions | more)
        except (KeyError, TypeError) as error:
            raise self._invalid_output(job, json.dumps(answer)) from error

    @override
    def probe(self, job: Job) -> Mapping[str, Condition]:
        if str(job.options["runtime"]) == "litert":
            check_installed()  # networks are converted here, and run there
        answer = self._answer(job, {}, seconds=0.0)
        return {**answer["conditions"], "dtype": job.options["dtype"]}

    def _answer(self, job: Job, files: Mapping[str, bytes], *, seconds: float) -> dict[str, Any]:
        runtime = _runtime(job)
        chosen = {name: job.options[name] for name in ("runtime", "threads", "provider", "time_limit_s")}
        options = json.dumps(
            {**chosen, "seconds": seconds, "nominal_ms": job.nominal_ms, "figure": job.figure}
        )
        output = self.run(job, {"agent.pyz": packed(), **files}, options).strip()
        try:
            answer = json.loads(last_line(output))
        except ValueError as error:
            raise self._invalid_output(job, output) from error
        if not isinstance(answer, dict):
            raise self._invalid_output(job, output)
        if "error" in answer:
            raise TargetError(
                f"The target '{self.name(job)}' cannot time networks: {answer['error']}. Expected "
                f"{runtime.package} there (python3 -m pip install {runtime.package}), and options that it "
                f"can run."
            )
        return answer

    def _invalid_output(self, job: Job, output: str) -> TargetError:
        return TargetError(
            f"The target '{self.name(job)}' printed '{output[:80]}': expected the JSON of a timing. "
            f"Does a start-up file there print something?"
        )


def _runtime(job: Job) -> Runtime:
    """Return the runtime of a job.

    Raises:
        TargetError: if it is unknown, or has no such provider or dtype.
    """
    name, provider = str(job.options["runtime"]), str(job.options["provider"])
    check_dtype(str(job.options["dtype"]))
    if name != DEFAULT and provider != CPU:
        raise TargetError(
            f"The runtime '{name}' has no provider={provider}: expected runtime={DEFAULT} with it, or none."
        )
    return runtime_called(name)


def check_in_time(job: Job, target: str, status: int) -> None:
    """Check that a timing was not ended by its own time limit.

    Args:
        job: The job.
        target: The target, for the message.
        status: Exit status of the agent, or of the shell that ran it.

    Raises:
        TargetError: if it was.
    """
    if status in {-signal.SIGALRM, 128 + signal.SIGALRM}:
        raise TargetError(
            f"The target '{target}' did not time the network within {job.options['time_limit_s']} s. Raise "
            f"time_limit_s if it needs longer."
        )


def last_line(text: str) -> str:
    """Return the last line of a program's output, without its full stop."""
    return (text.splitlines() or ["no message"])[-1].strip().rstrip(".")
