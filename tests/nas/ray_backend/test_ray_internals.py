"""What Ray has no option for is still where it was."""

import os
import subprocess
import sys

import ray
from ray._private import ray_constants, utils, worker

from nas.ray_backend.ray_internals import ImportPath, plain_start, worker_logs_silenced


def test_ray_prints_the_logs_of_its_workers_only_where_they_are_enabled(capsys):
    lines = {"pid": 7, "ip": "127.0.0.1", "lines": ["ends"], "localhost": "127.0.0.1"}
    before = worker._worker_logs_enabled
    with worker_logs_silenced():
        worker.print_worker_logs(lines, None)
    assert capsys.readouterr().out == ""
    assert worker._worker_logs_enabled == before


def test_ray_reads_neither_the_command_line_nor_how_it_was_begun_meanwhile():
    before = utils.get_entrypoint_name()
    with plain_start():
        assert utils.get_entrypoint_name() == "nas search" != before
        assert not ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV
    assert utils.get_entrypoint_name() == before
    assert ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV


def test_a_cluster_is_given_its_token_however_late_that_is_known():
    code = (
        "import ray\nfrom ray._raylet import AuthenticationMode, get_authentication_mode\n"
        "assert get_authentication_mode() != AuthenticationMode.TOKEN\n"
        "from nas.ray_backend.ray_internals import ask_for_token\nask_for_token()\n"
        "assert get_authentication_mode() == AuthenticationMode.TOKEN\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_MODE"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)


def test_workers_look_in_the_given_folders_in_their_order_and_ray_adds_none():
    assert ray.job_config.JobConfig()._runtime_env_has_working_dir() is False
    config = ImportPath(["/first", "/second"])
    assert config._runtime_env_has_working_dir() is True
    described = config._get_proto_job_config()
    path: list[str] = []
    for folder in described.py_driver_sys_path:
        path.insert(0, folder)  # what a worker does
    assert path == ["/first", "/second"]
