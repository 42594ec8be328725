"""A search runs wherever people start it, and leaves no trace there but its study."""

import json
import os
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.chaos import havoc

LIMIT_S = 550
TINY = "epochs: 1\nwarmup_epochs: 0\nrecalibration_batches: 1\n"
NO_LIBRARY = "raise SystemExit('this is a file of mine, no library')\n"
IMAGES = """
import numpy as np
import own_more

def images():
    labels = np.arange(240) % own_more.CLASSES
    drawn = np.random.default_rng(0).integers(0, 60, (240, 8, 8), dtype=np.uint8)
    return drawn + (labels * 60).astype(np.uint8)[:, None, None], labels
"""


def ended(process: "subprocess.Popen[bytes]") -> set[Path]:
    """Wait for a command to end, and return the folders of the Ray sessions that it had meanwhile."""
    found: set[Path] = set()
    deadline = time.monotonic() + LIMIT_S
    while process.poll() is None:
        assert time.monotonic() < deadline, "waited too long"
        words = " ".join(words for _, words in havoc.below(process.pid))
        found |= {Path(folder) for folder in re.findall(r"/[^\s=:]*/nas-ray-\w+", words)}
        time.sleep(1)
    return found


@pytest.mark.slow
def test_a_search_by_uv_run_among_files_called_like_libraries_in_a_deep_temporary_folder(tmp_path: Path):
    """Images come from a function of the user's folder, which workers find too."""
    here, deep = tmp_path / "here", tmp_path / ("t" * 90)
    for folder in (here, here / "trials", deep):
        folder.mkdir()
    for name in ("optuna.py", "safetensors.py", "timm.py", "search_spaces.py", "trials/__init__.py"):
        (here / name).write_text(NO_LIBRARY)
    (here / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "0"\n')
    (here / "tiny.yaml").write_text(TINY)
    (here / "own_images.py").write_text(IMAGES)
    (here / "own_more.py").write_text("CLASSES = 4\n")
    words = "search --budget 2M-MACs --trials 1 --recipe tiny.yaml --data own_images:images --study mine"
    # Ray takes a process that is called like this for `uv run`, and would start its workers by it.
    (here / "run").write_text(f'"{sys.executable}" -m nas {words}\n')
    with (
        (tmp_path / "out.txt").open("wb") as out,
        subprocess.Popen(
            ["bash", "-c", "exec -a uv bash run"],
            cwd=here,
            env={**os.environ, "TMPDIR": str(deep), "COLUMNS": "120"},
            stdout=out,
            stderr=out,
        ) as process,
    ):
        (session,) = ended(process)
    told = (tmp_path / "out.txt").read_text()
    assert process.returncode == 0, told
    assert "Trained   1 network of" in told
    assert not session.exists()
    assert not list(deep.glob("*ray*"))


NOTEBOOK = """
import logging, os, random, signal, sys, threading, warnings
import json
import numpy as np, optuna, ray, torch

def state():
    ray_log = logging.getLogger("ray")
    return {
        "environment": dict(os.environ), "folder": os.getcwd(), "path": list(sys.path),
        "optuna": optuna.logging.get_verbosity(), "ray": (ray_log.level, list(ray_log.handlers)),
        "warnings": list(warnings.filters), "root": logging.getLogger().level,
        "generators": (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        "hook": sys.excepthook,
    }

ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
optuna.logging.set_verbosity(optuna.logging.DEBUG)
warnings.filterwarnings("ignore", message="mine")
random.seed(3)
before = state()
import nas

try:
    nas.search("2M-MACs", trials=1, recipe="tiny.yaml", address="10.1.2.3:6379", quiet=True)
except Exception as error:
    refused = f"{type(error).__name__}: {error}"
result = nas.search("2M-MACs", trials=1, recipe="tiny.yaml", quiet=True)
after = state()
print(json.dumps({
    "changed": [name for name in before if before[name] != after[name]],
    "trained": len(result.networks),
    "own": ray.is_initialized() and ray.get(ray.remote(lambda: 5).remote()),
    "refused": refused,
}))
"""


@pytest.mark.slow
def test_a_notebook_with_a_ray_of_its_own_is_left_as_it_was(tmp_path: Path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "notebook.py").write_text(textwrap.dedent(NOTEBOOK))
    notebook = subprocess.run(
        [sys.executable, "notebook.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert notebook.returncode == 0, notebook.stderr
    told = json.loads(notebook.stdout.splitlines()[-1])
    assert told["changed"] == []
    assert told["trained"] == 1
    assert told["own"] == 5
    assert (
        "UserError: Cannot use the Ray cluster at '10.1.2.3:6379': this process is connected"
        in told["refused"]
    )
    assert "\n" not in told["refused"]
