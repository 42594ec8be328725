"""The CPU quota of a container counts, wherever Linux keeps it."""

import os

import pytest

from nas.resources import slots_here
from trials.latency.onnx_timing import check_runtime
from trials.usable_cores import cpu_quota, usable_cores

V1 = "33 31 0:29 {root} {point} rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
V2 = "41 31 0:38 {root} {point} rw,relatime - cgroup2 cgroup2 rw\n"


@pytest.fixture
def process(tmp_path):
    """Return a function that writes what the kernel says of a process and returns the folder."""

    def write(mount: str, cgroup: str, files: dict[str, str], root: str = "/"):
        point = tmp_path / "cgroup with space"
        for name, text in files.items():
            (point / name).parent.mkdir(parents=True, exist_ok=True)
            (point / name).write_text(text)
        (tmp_path / "mountinfo").write_text(
            "23 1 0:20 / /sys rw - sysfs sysfs rw\n"
            + mount.format(root=root, point=str(point).replace(" ", "\\040"))
        )
        (tmp_path / "cgroup").write_text(cgroup)
        return tmp_path

    return write


def v1(quota: int, folder: str = "") -> dict[str, str]:
    return {f"{folder}cpu.cfs_quota_us": f"{quota}\n", f"{folder}cpu.cfs_period_us": "100000\n"}


def test_a_quota_of_cgroup_v1_is_found_in_the_own_group(process):
    folder = process(V1, "5:memory:/else\n1:cpu,cpuacct:/jobs/mine\n0::/\n", v1(150_000, "jobs/mine/"))
    assert cpu_quota(folder) == 1.5
    assert len(usable_cores(folder)) == 1


def test_a_quota_of_cgroup_v2_is_found_in_the_own_group(process):
    files = {"cpu.max": "max 100000\n", "user.slice/job/cpu.max": "100000 100000\n"}
    assert cpu_quota(process(V2, "0::/user.slice/job\n", files)) == 1


def test_a_group_around_may_allow_less(process):
    files = {"a/cpu.max": "50000 100000\n", "a/b/cpu.max": "max 100000\n", "a/b/c/cpu.max": "300000 100000\n"}
    folder = process(V2, "0::/a/b/c\n", files)
    assert cpu_quota(folder) == 0.5
    assert len(usable_cores(folder)) == 1  # never none


def test_a_container_that_is_told_the_path_of_the_host_sees_its_own_group(process):
    for root in ("/", "/docker/0a1b"):
        assert cpu_quota(process(V1, "4:cpu,cpuacct:/docker/0a1b\n", v1(200_000), root)) == 2


def test_without_a_quota_all_cores_of_the_affinity_count(process, tmp_path):
    everything = sorted(os.sched_getaffinity(0))
    assert usable_cores(process(V1, "4:cpu,cpuacct:/\n", v1(-1))) == everything
    assert usable_cores(process(V2, "0::/\n", {"cpu.max": "max 100000\n"})) == everything
    assert usable_cores(process(V2, "0::/\n", {"cpu.max": "nonsense"})) == everything
    assert usable_cores(tmp_path / "absent") == everything


def test_slots_and_measured_threads_keep_within_the_quota(process, monkeypatch):
    folder = process(V2, "0::/job\n", {"job/cpu.max": "100000 100000\n"})
    for place in ("nas.resources", "trials.latency.pinned_threads"):
        monkeypatch.setattr(f"{place}.usable_cores", lambda: usable_cores(folder))
    slots = slots_here(8, 0)
    assert (slots.count, slots.threads) == (1, 1)
    check_runtime(threads=1)
    with pytest.raises(ValueError, match="threads=2: expected 1 to 1"):
        check_runtime(threads=2)
