"""Admits the nodes of a cluster to trainings, and changes how many run side by side as nodes come and go."""

from collections.abc import Callable

from nas.ask_tell.stopping import CutShortError, SearchControl
from nas.files.study_files import StudyFiles
from nas.ray_backend.node_admission import NodeAdmission
from nas.ray_backend.ray_cluster import Cluster, Node
from nas.resources import Slots, capacity_on


def admission(
    cluster: Cluster | None,
    slots: Slots,
    files: StudyFiles,
    control: SearchControl,
    *,
    trials: int,
    data: str,
    say: Callable[[str], None],
    most: int | None = None,
) -> NodeAdmission | None:
    """Return the admission of nodes, None where this machine alone trains.

    Args:
        cluster: The cluster; None for this machine.
        slots: Resources of a training.
        files: Files of the study.
        control: Whether the search goes on, and how many trainings run.
        trials: Number of networks to train.
        data: Name or path of the images.
        say: Shows a line.
        most: How many trainings may run side by side at most; None for as many as there is room for.
    """
    if cluster is None:
        return None
    capacity = control.capacity

    def changed(able: list[Node]) -> None:
        room = capacity_on([node.machine for node in able], trials, slots)
        count = room if most is None else min(room, most)
        if able and count != capacity.count:  # without nodes, the search waits for some
            capacity.change(count)
            say(f"The nodes of the cluster have room for {count} trainings now")

    return NodeAdmission(
        cluster,
        slots,
        files.shared_folder,
        data,
        report_line=say,
        on_lost=lambda problem: control.stop(CutShortError(str(problem))),
        on_changed=changed,
    )
