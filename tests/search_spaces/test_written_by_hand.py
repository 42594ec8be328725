"""What people write by hand, budgets, spaces and architectures, is used or refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest

import search_spaces
from nas.study.network_lookup import find_network
from search_spaces.architecture import Architecture, Stage
from search_spaces.budget import Budget
from search_spaces.errors import ArchitectureError, BudgetError, SpaceError
from search_spaces.published import reference
from search_spaces.surroundings import space_around, wider_space
from search_spaces.yaml_document import read


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("1e10-MACs", "plainly: 10G-MACs"),
        ("3e10MACs", "plainly: 30G-MACs"),
        ("1x10^10 MACs", "plainly: 10G-MACs"),
        ("1e-10-MACs", "Cannot read the budget '1e-10-MACs'"),
        ("3TMACs", "expected <number>"),  # not 3 MACs: a scale that budgets do not have
        ("512KiB-peak@fp16", "memory is that of fp32, or of int8 with @int8: 512KiB-peak"),
    ],
)
def test_what_budgets_do_not_have_is_told_with_what_to_write(text: str, instead: str):
    with pytest.raises(BudgetError, match=instead):
        Budget.parse(text)


def written(tmp_path: Path, **changes: Any) -> str:
    """Return a file of MobileNetV2 in which options of the first stage and the skeleton are changed."""
    fields = json.loads(reference("mobilenet_v2_0.35_96").to_json())
    for name, value in changes.items():
        of_skeleton = name in {"stem_stride", "head_channels", "stem_channels", "foo"}
        options = fields["options"] if of_skeleton else fields["stages"][0]["options"]
        options[name] = value
    path = tmp_path / "network.json"
    path.write_text(json.dumps(fields))
    return str(path)


@pytest.mark.parametrize(
    "change",
    [
        {"kernel": "3"},
        {"kernel": 4},
        {"kernel": -1},
        {"expansion": 0},
        {"weight_bits": 3},
        {"weight_bits": "x"},
        {"stem_stride": 0},
        {"stem_channels": "16"},
        {"stem_channels": -16},
        {"head_channels": -3},
        {"foo": 1},
    ],
)
def test_an_architecture_that_cannot_be_built_is_refused_where_it_is_read(
    change: dict[str, Any], tmp_path: Path
):
    assert find_network(written(tmp_path), f"sqlite:///{tmp_path}/nas.db").architecture
    with pytest.raises(ArchitectureError) as refused:
        find_network(written(tmp_path, **change), f"sqlite:///{tmp_path}/nas.db")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", ["!!bool foo", "!!int ''", "!!timestamp foo", "!!python/name:os.system ''"])
def test_tags_in_yaml_are_refused_with_their_line(value: str, tmp_path: Path):
    path = tmp_path / "space.yaml"
    path.write_text(f"version: 2\nname: {value}\n")
    with pytest.raises(SpaceError, match="line 2: the tag"):
        read(path)


def test_a_stem_without_channels_is_refused():
    stages = (Stage(block="metaformer", channels=64, depth=1, stride=2, options=(("mixer", "depthwise"),)),)
    options = (("stem_channels", 32), ("stem_depth", 7))
    network = Architecture(network="conv_stem", resolution=512, stages=stages, options=options)
    with pytest.raises(ArchitectureError, match="expected at least 64"):
        search_spaces.build(network, num_classes=10)


def test_a_network_whose_stem_is_the_default_lies_in_the_space_around_it():
    stages = tuple(
        Stage(block="metaformer", channels=c, depth=1, stride=2, options=(("mixer", "depthwise"),))
        for c in (32, 64)
    )
    network = Architecture(network="patchified", resolution=64, stages=stages, options=())
    assert space_around(network, "around").contains(network)
    assert wider_space(network, (1.5, 2.0), "wider").contains(network)


def test_a_wider_space_offers_no_width_at_which_heads_are_not_whole():
    attention = (("head_channels", 32), ("mixer", "attention"))
    stages = tuple(
        Stage(block="metaformer", channels=c, depth=1, stride=2, options=attention) for c in (32, 64)
    )
    network = Architecture(network="pyramid", resolution=64, stages=stages, options=(("stem_channels", 32),))
    assert wider_space(network, (1.25, 1.5, 2.0), "wider").width == (1.0, 2.0)


SPACE = """\
version: 2
name: my
resolution: {resolution}
stages:
  - channels: 32
    block: mobilevit_v2
    options:
      mixer: attention
      inner_channels: [32, 64]
      head_channels: [16, 32]
{more}"""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"resolution": "[32, 32]"}, r"line 3: The choice 'resolution' got the values \[32, 32\]"),
        (
            {"resolution": "[32, 48]\noptions: {stem_channels: [16, 16]}"},
            r"line 4: The choice 'stem_channels' got the values \[16, 16\]",
        ),
        ({"more": "      weight_bits: 8\n    weight_bits: [8, 4]\n"}, "line 11: weight_bits is also beside"),
        ({"resolution": "[32, 65536]"}, r"line 5: Stage 1 would take .* MACs with images of 65,536 pixels"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused_with_its_line(changes, expected, tmp_path: Path):
    path = tmp_path / "space.yaml"
    path.write_text(SPACE.format(**{"resolution": "[32, 48]", "more": "", **changes}))
    with pytest.raises(SpaceError, match=expected) as caught:
        search_spaces.load(str(path))
    assert "\n" not in str(caught.value)


def test_every_two_values_of_a_stage_are_built_before_its_space_is_taken(tmp_path: Path):
    path = tmp_path / "space.yaml"
    fine = SPACE.format(resolution="[32, 48]", more="")
    path.write_text(fine)
    assert search_spaces.load(str(path)).size == 2 * 2 * 2
    path.write_text(fine.replace("[32, 64]", "[32, 48]"))
    with pytest.raises(SpaceError, match=r"inner_channels 48, .*: attention got 48 channels"):
        search_spaces.load(str(path))
