"""``nas measure`` says what each figure is, with its interval, and what is known without training."""

import json
import sys
from pathlib import Path

import pytest

from nas.__main__ import run
from trials.scores import SCORES


@pytest.mark.slow
def test_each_figure_is_printed_with_its_interval_and_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    script = "import json; print(json.dumps({'times_ms': [4.0, 4.1, 4.0, 4.2, 4.1, 4.0, 4.1, 5.0]}))"
    (tmp_path / "run.py").write_text(script)
    monkeypatch.chdir(tmp_path)
    words = ["measure", "tinynet_e_106", "--on", f"command:{sys.executable} {tmp_path / 'run.py'}"]
    assert run(words) == 0
    first, median, p90, *conditions = capsys.readouterr().out.splitlines()
    assert first.startswith("tinynet_e_106: 4.1 ms, 95 % interval 3.")
    assert first.endswith("median of the runs of the command")
    assert median.split()[:3] == ["median", "4.1", "ms,"]
    assert p90.split()[:3] == ["p90", "5", "ms,"]
    assert any(line.split() == ["between_run_spread", "0.0294"] for line in conditions)
    assert not [line for line in conditions if "wall" in line]
    assert run([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["conditions"]["wall_p90_ms"] == 5.0
    assert "  blocks              10 that do something, by stage 1 1 1 2 2 2 1" in conditions
    assert "  receptive field     459 pixels" in conditions
    naswot = f"  naswot              {told['scores']['naswot']:.6g}, at random weights on 24 images of noise"
    assert naswot in conditions
    assert told["counts"]["blocks"] == 10
    assert set(SCORES) <= set(told["scores"])
