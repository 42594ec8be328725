"""What cannot be compared gets one line that says what is expected, and nothing is written."""

from pathlib import Path

import pytest

import nas
from search_spaces.errors import InvalidValueError, StudyError, UserError
from search_spaces.published import reference


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAS_STORAGE", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"networks": "mobilenet_v2_0.35_96"}, "Cannot compare mobilenet_v2_0.35_96 with nothing"),
        ({"networks": ["tinynet_e_106", "tinynet_e_106"]}, "Cannot compare tinynet_e_106 with nothing else"),
        ({"networks": ["mobilenet_v2_0.35_96", "mobilenet_v9"]}, "No network is called 'mobilenet_v9'"),
        ({"networks": "absent"}, "No network is called 'absent'"),
        ({"networks": ["tinynet_e_106", "tinynet_d_152"], "seeds": 0}, "--seeds of at least 1"),
        ({"networks": ["tinynet_e_106", "tinynet_d_152"], "rule": "absent"}, "absent"),
        ({"networks": ["tinynet_e_106", "tinynet_d_152"], "data": "absent"}, "absent"),
        ({"networks": ["tinynet_e_106", "tinynet_d_152"], "recipe": "absent"}, "absent"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(arguments, message: str, tmp_path: Path):
    with pytest.raises(UserError, match=message) as raised:
        nas.compare(**arguments)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "nas.db").exists()


def test_a_file_that_was_never_trained_is_not_exported(tmp_path: Path):
    (tmp_path / "own.json").write_text(reference("tinynet_e_106").to_json())
    with pytest.raises(StudyError, match="has no trained weights in this storage"):
        nas.export("own.json", to="out")
    assert not (tmp_path / "out").exists()


def test_options_of_searches_are_refused_for_a_file(tmp_path: Path):
    (tmp_path / "own.json").write_text(reference("tinynet_e_106").to_json())
    with pytest.raises(InvalidValueError, match="expected a search"):
        nas.retrain("own.json", top=2)


def test_a_network_that_no_space_holds_is_not_begun_with():
    nas.scale("efficientnet_b0_224", budget="4M-MACs", to="family", classes=10, channels=1)
    with pytest.raises(UserError) as raised:
        nas.search("4M-MACs", space="hybrid_small", seed_with=["family/compound-4M-MACs.json"])
    assert "\n" not in str(raised.value)
    assert "hybrid_small" in str(raised.value)
