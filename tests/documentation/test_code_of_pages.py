"""Code of the documentation that needs no training and no device runs as it stands on its page."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

import search_spaces
from tests.in_process import nas_in_process

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ALONE = (  # commands that need neither a study, images nor a device
    "nas spaces",
    "nas networks",
    "nas scale mobilenet",
    "nas scale efficientnet",
    "nas profile --budget",
)


def code(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = {
        shlex.join(shlex.split(line, comments=True))
        for page in PAGES
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
        if line.startswith(ALONE) and not {"--data", "--proxy"} & {*line.split()}
    }
    return sorted(lines)


@pytest.mark.long
@pytest.mark.parametrize("line", commands())
def test_a_command_that_needs_nothing_ends_well(line: str, tmp_path: Path):
    ended = nas_in_process(tmp_path, *shlex.split(line)[1:])
    assert (ended.status, ended.err) == (0, ended.err)
    assert ended.out


@pytest.mark.parametrize(
    ("page", "number"),
    [
        ("budgets.md", 0),
        pytest.param("python.md", 1, marks=pytest.mark.long),  # it draws from a large space
        ("python.md", 2),
        pytest.param("scores.md", 0, marks=pytest.mark.long),
        ("extend.md", 0),
        ("extend.md", 1),
    ],
)
def test_python_that_trains_nothing_runs(
    page: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    exec(compile(code(page, "python")[number], page, "exec"), {})


def test_the_mixer_of_the_page_is_one_of_a_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("shift.py").write_text(code("extend.md", "python")[0], encoding="utf-8")
    Path("own.yaml").write_text(
        "version: 1\nname: own\nresolution: [16, 32]\nstages:\n"
        '  - {channels: 16, stride: 2, options: {mixer: [depthwise, "shift:MIXER"], expansion: 2}}\n',
        encoding="utf-8",
    )
    space = search_spaces.load("own.yaml")
    for seed in range(4):
        network = space.sample(np.random.default_rng(seed))
        built = search_spaces.build(network, num_classes=3, in_channels=3)
        assert built(torch.zeros(2, 3, network.resolution, network.resolution)).shape == (2, 3)
        params = sum(p.numel() for p in built.parameters())
        assert params == search_spaces.count(network, num_classes=3, in_channels=3)["params"]
