"""What Ray has no option for is still where it was."""

import ray

from nas.ray_backend.ray_internals import hidden_command_line, silence_worker_logs


def test_ray_prints_the_logs_of_its_workers_only_where_they_are_enabled(monkeypatch, capsys):
    worker = ray._private.worker
    monkeypatch.setattr(worker, "_worker_logs_enabled", worker._worker_logs_enabled)
    lines = {"pid": 7, "ip": "127.0.0.1", "lines": ["ends"], "localhost": "127.0.0.1"}
    silence_worker_logs()
    worker.print_worker_logs(lines, None)
    assert capsys.readouterr().out == ""


def test_ray_does_not_read_the_command_line_meanwhile():
    utils = ray._private.utils
    before = utils.get_entrypoint_name()
    with hidden_command_line():
        assert utils.get_entrypoint_name() == "nas search" != before
    assert utils.get_entrypoint_name() == before
