"""The page that leads from nothing to an exported network, followed to its end, with a short recipe."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import UNSTOPPED, Desk, draw_images

PAGE = Path(__file__).parents[2] / "docs" / "start.md"
SHORT = ("--recipe", "quick.yaml")


@pytest.mark.long
def test_the_first_steps_lead_to_an_exported_network(tmp_path: Path):
    desk = Desk(tmp_path)
    (tmp_path / "quick.yaml").write_text(UNSTOPPED)
    draw_images(tmp_path / "path" / "to" / "images")
    text = PAGE.read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    for line in [line for line in lines if line.startswith("nas ") and not line.startswith("nas dashboard")]:
        words = shlex.split(line, comments=True)[1:]
        short = {"search": (*SHORT, "--trials", "3"), "retrain": SHORT}.get(words[0], ())
        ended = desk.nas(*words, *short)
        assert ended.status == 0, f"{line}: {ended.err}"
    (loading,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    subprocess.run([sys.executable, "-c", loading], cwd=tmp_path / "my_net", check=True, timeout=300)
