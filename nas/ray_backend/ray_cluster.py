"""A running Ray cluster: its nodes and slots, and which nodes differ in versions or lack files."""

import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ray
from ray import cloudpickle
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from nas.ray_backend import node_info
from nas.resources import Machine, Slots, slots_on
from search_spaces.errors import UserError

_ANSWERS_S: Final = 90.0  # within which a node has to answer; starting Python there takes seconds
NODE_ID: Final = "ray.io/node-id"  # the label that Ray gives to each node


class ClusterError(UserError):
    """A node of a cluster that cannot train."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A live node of the cluster.

    Attributes:
        key: Ray's id of the node, hexadecimal digits.
        address: Address of the node, as Ray has it.
        machine: CPUs and GPUs of the node.
    """

    key: str
    address: str
    machine: Machine


def nodes_of(listed: Iterable[Mapping[str, Any]]) -> list[Node]:
    """Return the live nodes among those that `ray.nodes` lists."""
    return [
        Node(
            key=node["NodeID"],
            address=node["NodeManagerAddress"],
            machine=Machine(
                cpus=int(node["Resources"].get("CPU", 0)), gpus=int(node["Resources"].get("GPU", 0))
            ),
        )
        for node in listed
        if node["Alive"]
    ]


class Cluster:
    """The cluster that this process has joined.

    Args:
        name: What it is called in messages.

    Attributes:
        name: The same.
        expected: What `node_facts` says here, which every node has to say too.
    """

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.expected: Final = node_info.node_facts()
        self._refused: dict[str, str] = {}
        cloudpickle.register_pickle_by_value(node_info)  # a node without our package can run it too
        self._asked = ray.remote(num_cpus=0, max_retries=0)(node_info.node_facts)

    def nodes(self) -> list[Node]:
        """Return the nodes that live, those that were refused too."""
        return nodes_of(ray.nodes())

    def slots(self, trials: int, gpus_per_trial: float | None) -> Slots:
        """Return the slots of all nodes together, whoever else uses them.

        Args:
            trials: How many networks will be trained.
            gpus_per_trial: What each is to get; by default a whole GPU where there is one.

        Raises:
            InvalidValueError: if no node has what one training asks for.
        """
        return slots_on([n.machine for n in self.nodes()], trials, gpus_per_trial, whose=self.name)

    def has_room(self, slots: Slots) -> bool:
        """Return whether one more training could begin now, beside what others do there."""
        free = ray.available_resources()
        return free.get("CPU", 0) >= slots.cpus and free.get("GPU", 0) >= slots.gpus

    def able(self, slots: Slots) -> list[Node]:
        """Return the nodes that live, have room for a training and were not refused."""
        return [n for n in self.nodes() if slots.fit_in(n.machine) and n.key not in self._refused]

    def check(
        self, nodes: Sequence[Node], slots: Slots, *, token: Path | None, sign: str, images: str
    ) -> dict[str, str]:
        """Return by its key why a node cannot train, for those that cannot.

        Args:
            nodes: To be asked, all at once.
            slots: What trainings take there.
            token: A file that a driver has written into the study's folder; None where they need not see it.
            sign: What it holds.
            images: Where the images are.
        """
        where = [self._asked.options(scheduling_strategy=_only_on(node)) for node in nodes]
        given = ("" if token is None else str(token), sign, images, slots.gpus > 0, own_folders())
        asked = [task.remote(*given) for task in where]
        if asked:
            ray.wait(asked, num_returns=len(asked), timeout=_ANSWERS_S)
        found = {}
        for node, answer in zip(nodes, asked, strict=True):
            reason = self._reason(node, answer, None if token is None else token.parent, images)
            if reason is not None:
                found[node.key] = f"The node {node.address} of {self.name} {reason}"
        return found

    def refuse(self, key: str, reason: str) -> bool:
        """Let no further training begin on a node; return whether that is news."""
        news = key not in self._refused
        self._refused.setdefault(key, reason)
        return news

    def refusals_of_live_nodes(self) -> list[str]:
        """Return why nodes were refused that are still there, in words."""
        return [self._refused[node.key] for node in self.nodes() if node.key in self._refused]

    def requirements(self) -> dict[str, Any]:
        """Return what the node of a worker must have, and the nodes to avoid."""
        return {"expected": self.expected, "avoid": sorted(self._refused)}

    def _reason(self, node: Node, answer: Any, folder: Path | None, images: str) -> str | None:
        """Return why a node cannot train, None if it can or has died by now."""
        try:
            found = ray.get(answer, timeout=0)
        except GetTimeoutError:
            return f"did not answer within {_ANSWERS_S:.0f} s. Mend it, or take it out of the cluster."
        except RayError as error:
            if node.key not in {n.key for n in self.nodes()}:
                return None
            first = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            return f"cannot run Python: {first} Mend it, or take it out of the cluster."
        return difference(self.expected, found) or missing(found, folder, images)


def own_folders() -> list[str]:
    """Return where this process looks for modules besides its Python's libraries, as absolute paths."""
    libraries = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    paths = [Path(str(entry)).absolute() for entry in sys.path]
    return [
        str(path)
        for path in paths
        if not {"site-packages", "dist-packages"} & set(path.parts)
        and path.suffix != ".zip"
        and not any(path.is_relative_to(library) for library in libraries)
    ]


def difference(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    """Return in which version a node differs from the driver's machine and what to do, None if in none.

    Args:
        expected: `node_facts` of the driver's machine.
        found: Those of the node.
    """
    mend = "Install the same there, in the Python that runs `ray start`, or take it out of the cluster."
    if found["source"] is None:
        return f"lacks the package nas: expected {expected['nas'] or 'that of this machine'}. {mend}"
    for name, digits in (("python", 2), ("torch", 3), ("nas", 3)):
        here, there = (_short(facts[name], digits) for facts in (expected, found))
        if here != there:
            return f"has {name} {found[name]}, this machine {expected[name]}: expected the same. {mend}"
    if found["source"] != expected["source"]:
        return (
            f"has nas {found['nas']} of other source ({found['source']}) than this machine "
            f"({expected['source']}): expected the same. {mend}"
        )
    return None


def missing(found: Mapping[str, Any], folder: Path | None, images: str) -> str | None:
    """Return what a node that trains cannot use and what to do, None if it can use everything."""
    if not found["folder"]:
        return (
            f"does not share the folder '{folder}', or may not write there: expected --storage-path at the "
            f"same place on every node. Mount it there, or choose another --storage-path."
        )
    if not found["images"]:
        return (
            f"does not see the images '{images}': expected --data at the same place on every node. Mount "
            f"or install them there, or choose another --data."
        )
    if not found["gpus"]:
        return (
            "counts GPUs that its torch cannot use: expected torch for CUDA and a driver. Mend it, or give "
            "--gpus-per-trial 0."
        )
    return None


def _short(version: str | None, digits: int) -> str | None:
    """Return a version without what only says how it was built, such as ``+cpu``."""
    return None if version is None else ".".join(version.partition("+")[0].split(".")[:digits])


def _only_on(node: Node) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node.key, soft=False)


def placed_on(slots: Slots, avoid: Sequence[str]) -> Any:
    """Return what Ray Tune reserves for a training, on one node that is none of `avoid`."""
    from ray import tune  # noqa: PLC0415 -- the driver sets what it reads from the environment first

    bundle = {"CPU": slots.cpus, "GPU": slots.gpus}
    if not avoid:
        return tune.PlacementGroupFactory([bundle])
    return tune.PlacementGroupFactory([bundle], bundle_label_selector=[{NODE_ID: f"!in({','.join(avoid)})"}])
