"""Weights of TensorFlow are known by the name of their file or model alone, and what it decides is said."""

import pytest

from trials.pretrained.matching import match
from trials.pretrained.names.timm_efficientnet import NAMES
from trials.pretrained.usual_preprocessing import HALF

TENSORFLOW = {"padding": "same", "norm_eps": 1e-3}
B0, LITE0, LITE1 = "efficientnet_b0_224", "efficientnet_lite0_224", "efficientnet_lite1_240"


@pytest.mark.parametrize(
    ("reference", "name", "expected"),
    [
        (B0, "tf_efficientnet_b0.ns_jft_in1k", True),
        (B0, "/models/tf_efficientnet_b0_aa-827b6e33.pth", True),
        (B0, "/models/timm-tf_efficientnet_b0.pth", True),
        (B0, "/models/tf_efficientnet_b0.ns_jft_in1k/model.safetensors", True),
        (B0, "/hub/models--timm--tf_efficientnet_b0.ns_jft_in1k/snapshots/0af1/model.safetensors", True),
        (B0, "/home/tf_user/efficientnet_b0_ra.pth", False),
        (B0, "/home/tf_user/weights/efficientnet_b0_ra.pth", False),
        (B0, "/tf_models/model.safetensors", False),
        (B0, "/models/halftf_1.pth", False),
        (LITE1, "efficientnet_lite1", True),
        (LITE1, "/models/model.safetensors", True),
        (LITE0, "/models/model.safetensors", True),
        (LITE0, "tf_efficientnet_lite0.in1k", True),
        (LITE0, "efficientnet_lite0.ra_in1k", False),
        (LITE0, "/models/efficientnet_lite0.ra_in1k/model.safetensors", False),
    ],
)
def test_the_name_of_a_file_or_model_says_whether_tensorflow_trained_it(reference, name, expected):
    assert NAMES.overrides(reference, name) == (TENSORFLOW if expected else {})
    assert bool(NAMES.note(reference, name)) == expected


@pytest.mark.parametrize(
    ("reference", "name", "expected"),
    [
        (LITE1, "/models/model.safetensors", HALF),
        (LITE0, "tf_efficientnet_lite0.in1k", HALF),
        (LITE0, "efficientnet_lite0.ra_in1k", None),
        ("mobilenet_v3_large_224", "/models/tf_mobilenetv3_large_100-427764d5.pth", HALF),
        ("mobilenet_v3_large_224", "mobilenetv3_large_100.ra_in1k", None),
        (B0, "tf_efficientnet_b0.aa_in1k", None),
    ],
)
def test_the_name_says_how_images_were_normalised_as_timm_does(reference, name, expected):
    assert NAMES.normalisation(reference, name) == expected


@pytest.mark.parametrize(("folder", "expected"), [("tf_user", 0), ("tf_efficientnet_b0.aa_in1k", 1)])
def test_a_match_says_what_was_decided_by_name(folder, expected):
    timm = pytest.importorskip("timm", reason="timm is a developer dependency", exc_type=ImportError)
    state = timm.create_model("efficientnet_b0").state_dict()
    found = match(state, f"/{folder}/model.safetensors", named=B0)
    assert len([note for note in found.notes if "TensorFlow" in note]) == expected
    assert (dict(found.architecture.options).get("padding") == "same") == bool(expected)
