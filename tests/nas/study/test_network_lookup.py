"""A text that names no network is answered with the nearest published networks, files and studies."""

from pathlib import Path

import pytest

from nas.storage.optuna_storage import open_storage
from nas.study.network_lookup import find_network
from search_spaces.errors import ArchitectureError, StudyError
from search_spaces.published import reference
from tests.nas.study.test_study import begin

IMAGES = '"num_classes": 7, "pretrained_cfg": {"input_size": [1, 8, 8]}'


def answer(text: str, folder: Path) -> str:
    with pytest.raises(StudyError) as caught:
        find_network(text, f"sqlite:///{folder / 'nas.db'}")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("resnet50", "fasternet_t0_224"),
        ("mobilenet_v2", "mobilenet_v2_1.0_224"),
        ("MobileNet-V2", "mobilenet_v2_1.0_224"),
        ("efficientnet_b0", "efficientnet_b0_224"),
    ],
)
def test_published_networks_are_offered(tmp_path: Path, text: str, near: str):
    assert f"Did you mean '{near}" in answer(text, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_files_and_studies_are_offered(tmp_path: Path):
    begin(open_storage(f"sqlite:///{tmp_path / 'nas.db'}"), name="first")
    (tmp_path / "found.json").write_text(reference("mobilenet_v2_1.0_224").to_json())
    assert f"'{tmp_path / 'found.json'}'" in answer(str(tmp_path / "fuond.json"), tmp_path)
    assert "'first'" in answer("frist", tmp_path)
    assert "'first'" in answer("firts#3", tmp_path)


def test_a_text_like_nothing_is_told_what_a_network_is(tmp_path: Path):
    told = answer("zzzz", tmp_path)
    assert "Did you mean" not in told
    assert "a published network (see nas networks)" in told


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("{", (1000, 3)),
        ("[]", (1000, 3)),
        ('{"model_type": "bert"}', (1000, 3)),
        (f"{{{IMAGES}}}", (1000, 3)),
        (f'{{{IMAGES}, "nas": {{"architecture": {{}}}}}}', (7, 1)),
    ],
)
def test_only_the_config_of_an_export_tells_the_images_of_a_file(
    tmp_path: Path, config: str, expected: tuple[int, int]
):
    (tmp_path / "found.json").write_text(reference("mobilenet_v2_1.0_224").to_json())
    (tmp_path / "config.json").write_text(config)
    found = find_network(str(tmp_path / "found.json"), f"sqlite:///{tmp_path / 'nas.db'}")
    assert (found.num_classes, found.in_channels) == expected


def test_a_folder_of_images_does_not_hide_the_study_of_its_name(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/nas.db"
    begin(open_storage(url), name="flowers")
    (tmp_path / "flowers" / "rose").mkdir(parents=True)
    (tmp_path / "tulips").mkdir()
    with pytest.raises(StudyError, match="flowers"):  # it has no network yet
        find_network("flowers", url)
    with pytest.raises(ArchitectureError, match=r"Cannot read 'tulips/architecture\.json'"):
        find_network("tulips", url)
