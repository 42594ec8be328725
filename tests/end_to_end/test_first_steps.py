"""The page that leads from nothing to an exported network, followed to its end, with a short recipe."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.conftest import QUICK, Desk

PAGE = Path(__file__).parents[2] / "docs" / "start.md"
SHORT = ("--recipe", "quick.yaml")
UNSTOPPED = QUICK.replace("[1, 2]", "[2]")  # all networks are trained to the end, so three can be retrained


@pytest.mark.long
def test_the_first_steps_lead_to_an_exported_network(tmp_path: Path):
    desk = Desk(tmp_path)
    (tmp_path / "quick.yaml").write_text(UNSTOPPED)
    _draw_images(tmp_path / "path" / "to" / "images")
    text = PAGE.read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    for line in [line for line in lines if line.startswith("nas ") and not line.startswith("nas dashboard")]:
        words = shlex.split(line, comments=True)[1:]
        short = {"search": (*SHORT, "--trials", "3"), "retrain": SHORT}.get(words[0], ())
        ended = desk.nas(*words, *short)
        assert ended.status == 0, f"{line}: {ended.err}"
    (loading,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    subprocess.run([sys.executable, "-c", loading], cwd=tmp_path / "my_net", check=True, timeout=300)


def _draw_images(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(80):
        kind = number % 2
        (folder / f"class{kind}").mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 100, (32, 32, 3)) + 150 * kind
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"class{kind}" / f"{number}.png")
