import os
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trials.images import image_cache
from trials.training.atomic_writing import write_atomically
from trials.training.checkpoint import load_checkpoint, save_checkpoint
from trials.training.checkpoint_file import MAGIC
from trials.training.errors import DamagedCheckpointError

CPU = torch.device("cpu")
STATE: dict[str, Any] = {
    "weights": {"a": torch.arange(6.0).reshape(2, 3)},
    "history": [{"epoch": 1, "loss": 0.5}],
}


def test_what_is_saved_is_loaded(tmp_path):
    save_checkpoint(tmp_path / "deep" / "c.pt", STATE)
    loaded = load_checkpoint(tmp_path / "deep" / "c.pt", CPU)
    assert torch.equal(loaded["weights"]["a"], STATE["weights"]["a"])
    assert loaded["history"] == STATE["history"]


@given(st.data())
def test_any_flipped_bit_and_any_cut_is_noticed(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("checkpoint") / "c.pt"
    save_checkpoint(path, STATE)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[place:]
    path.write_bytes(content)
    with pytest.raises(DamagedCheckpointError):
        load_checkpoint(path, CPU)


def test_a_checkpoint_of_another_version_is_an_error(tmp_path):
    save_checkpoint(tmp_path / "c.pt", STATE)
    content = (tmp_path / "c.pt").read_bytes()
    (tmp_path / "c.pt").write_bytes(MAGIC[:-1] + b"\x02" + content[len(MAGIC) :])
    with pytest.raises(DamagedCheckpointError, match="not one of this version"):
        load_checkpoint(tmp_path / "c.pt", CPU)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    write_atomically(tmp_path / "file", b"old")
    with pytest.raises(TypeError):
        write_atomically(tmp_path / "file", b"new", "not bytes")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_others_may_read_what_the_umask_lets_them_read(umask, tmp_path):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "atomic", b"weights")
        (tmp_path / "plain").write_bytes(b"weights")
        with image_cache.atomic_folder(tmp_path / "images"):
            pass
        (tmp_path / "folder").mkdir()
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
    assert modes["atomic"] == modes["plain"]
    assert modes["images"] == modes["folder"]
