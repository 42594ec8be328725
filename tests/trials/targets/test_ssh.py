"""Latency measured over a real sshd, started on loopback as an ordinary process."""

import getpass
import os
import sys
from pathlib import Path

import onnx
import pytest
from torch import nn

from search_spaces.errors import TargetError
from tests.ssh_server import known, ssh_server
from trials.latency.onnx_model import onnx_model
from trials.latency_measurement import measure, measure_layers, probe

NETWORK = nn.Sequential(nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """Return the port of a running sshd and the folder with the client's side."""
    folder = tmp_path_factory.mktemp("ssh")
    with ssh_server(folder) as (port, _):
        yield port, folder


@pytest.fixture
def target(board, tmp_path):
    """Return a function that writes a targets.yaml and gives the words for `measure`."""
    port, folder = board

    def written(host_key="host", identity="user", port=port, **options):
        (tmp_path / "known").write_text(known(port, folder / f"{host_key}.pub") if host_key else "")
        (tmp_path / "config").write_text(
            f"Host *\n  IdentityFile {folder}/{identity}\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {tmp_path}/known\n  GlobalKnownHostsFile none\n"
        )
        fields = {
            "kind": "ssh",
            "address": f"'{getpass.getuser()}@127.0.0.1:{port}'",
            "config": tmp_path / "config",
            "python": sys.executable,
        } | options
        lines = "".join(f"    {k}: {v}\n" for k, v in fields.items())
        (tmp_path / "targets.yaml").write_text(f"version: 1\ntargets:\n  board:\n{lines}")
        return {"target": "board", "targets_file": tmp_path / "targets.yaml"}

    return written


def timed(words, seconds=0.1):
    return measure(NETWORK, resolution=8, in_channels=1, seconds=seconds, **words)


@pytest.mark.slow
def test_layers_are_timed_there_too(target):
    times = measure_layers(NETWORK, resolution=8, in_channels=1, **target(dtype="int8"))
    assert times.conditions["target"] == "board"
    assert sum(layer.macs for layer in times.layers) == 8 * 9 * 36
    assert all(layer.time_ms > 0 for layer in times.layers)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["fp32", "int8"])
def test_a_network_is_timed_there_with_its_conditions(target, dtype):
    latency = timed(target(dtype=dtype))
    assert 0 < latency.low_ms <= latency.median_ms <= latency.high_ms
    conditions = latency.conditions
    assert conditions["target"] == "board"
    assert conditions["runtime"] == "onnxruntime"
    assert conditions["dtype"] == dtype
    assert {"device", "version", "threads", "load", "governor", "waited_s", "drift"} <= set(conditions)


@pytest.mark.slow
def test_probing_tells_the_setting_of_later_measurements(target):
    from trials.latency.latency import setting_of

    words = target()
    assert setting_of(probe(**words)) == timed(words).setting


@pytest.mark.slow
def test_nothing_is_left_there(target, board):
    timed(target())
    assert not list((board[1] / "there").glob("tmp.*"))  # where mktemp -d makes its folders


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"host_key": "stranger"}, "Its host key changed"),
        ({"host_key": None}, "Its host key is not known"),
        ({"identity": "stranger"}, "Set up a key"),
        ({"port": 1}, "cannot be reached: .*Connection refused"),
        ({"address": "host.invalid"}, "Check the name"),
        ({"python": "/absent/python"}, "could not run the timing"),
        ({"threads": 4096}, "expected 1 to"),
        ({"provider": "Nonsense"}, "expected one of .*CPUExecutionProvider"),
        ({"dtype": "fp16"}, "The dtype 'fp16' is not measured: expected one of fp32, int8"),
    ],
)
def test_what_is_wrong_there_is_an_error_that_says_what_to_do(target, changed, expected):
    with pytest.raises(TargetError, match=expected) as caught:
        timed(target(**changed))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_an_interpreter_in_the_home_folder_there_is_found(target):
    below_home = os.path.relpath(sys.executable, Path.home())
    assert timed(target(python=f"~/{below_home}")).median_ms > 0


@pytest.mark.slow
def test_a_timing_that_takes_longer_than_its_limit_says_which_to_raise(target):
    with pytest.raises(TargetError, match=r"did not time the network within 1 s\. Raise time_limit_s"):
        timed(target(time_limit_s=1), seconds=30)


@pytest.mark.slow
def test_a_file_that_the_runtime_there_cannot_load_is_an_error_with_its_reason(target, monkeypatch):
    def newer(*arguments, **options):
        model = onnx.load_from_string(onnx_model(*arguments, **options))
        model.ir_version = 99
        return model.SerializeToString()

    monkeypatch.setattr("trials.latency.onnx_model.onnx_model", newer)
    with pytest.raises(TargetError, match="cannot time networks: Unsupported model IR version: 99"):
        timed(target())


@pytest.mark.slow
def test_a_machine_without_onnxruntime_is_an_error_that_says_so(target, tmp_path):
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec {sys.base_prefix}/bin/python3 -S "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(TargetError, match=r"No module named '(numpy|onnxruntime)'.*pip install onnxruntime"):
        timed(target(python=bare))


@pytest.mark.slow
def test_a_machine_that_does_not_answer_in_time_is_an_error(target, tmp_path):
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o755)
    with pytest.raises(TargetError, match="did not answer within 2 s"):
        timed(target(python=slow, time_limit_s=1, connect_s=1))


@pytest.mark.slow
def test_a_machine_that_prints_something_else_is_an_error(target, tmp_path):
    chatty = tmp_path / "chatty"
    chatty.write_text("#!/bin/sh\necho welcome\n")
    chatty.chmod(0o755)
    with pytest.raises(TargetError, match="printed 'welcome'"):
        timed(target(python=chatty))


@pytest.mark.parametrize("address", ["-oProxyCommand=x", "a b", "user@", "host:port"])
def test_an_address_that_is_none_is_an_error(address, tmp_path):
    file = tmp_path / "targets.yaml"
    file.write_text(f"version: 1\ntargets:\n  board: {{kind: ssh, address: '{address}'}}\n")
    with pytest.raises(TargetError, match="expected ssh://user@host:port"):
        timed({"target": "board", "targets_file": file})
