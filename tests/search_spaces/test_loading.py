"""A user's space: what is read, and the one line that says what is wrong with it."""

import sys
import textwrap
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

import search_spaces
from search_spaces import yaml_space
from search_spaces.errors import SpaceError, UnknownNameError
from search_spaces.mixers import MIXERS
from search_spaces.pricing import prices
from search_spaces.sampling import uniform_codes

EXAMPLE = textwrap.dedent(str(yaml_space.__doc__).partition("words of")[2].partition("\n\n")[2]).partition(
    "\nMixers,"
)[0]
EXAMPLE, _, SECOND_EXAMPLE = EXAMPLE.partition("\nVersion 2 has")
SECOND_EXAMPLE = textwrap.dedent(SECOND_EXAMPLE.partition("\n\n")[2])
GOOD = """\
version: 1
name: mine
resolution: [32, 64]
stages:
  - channels: 32
    stride: 2
    options:
      mixer: [depthwise, attention]
      kernel: [3, 5]
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.slow
def test_the_documented_example_loads_and_its_networks_build(written):
    text = EXAMPLE.replace("my_package.mixers:Mine", "search_spaces.mixers.partial_conv:PartialConv")
    space = search_spaces.load(written(text))
    assert space.name == "my_space"
    assert space.resolution == (128, 160, 192, 224)
    assert {item.stage.mixer for item in space.codes.menus[1]} == {
        "depthwise",
        "separable_attention",
        "search_spaces.mixers.partial_conv:PartialConv",
    }
    for seed in range(3):
        architecture = space.sample(np.random.default_rng(seed))
        network = search_spaces.build(architecture, num_classes=10)
        assert search_spaces.count(architecture, num_classes=10).params == sum(
            p.numel() for p in network.parameters()
        )


def test_the_documented_example_of_version_2_loads(written):
    space = search_spaces.load(written(SECOND_EXAMPLE))
    assert space.name == "my_second_space"
    assert {"stem_stride", "stage1.width", "stage1.block", "stage2.attend"} <= {c.name for c in space.choices}


def test_what_is_left_out_has_one_value(written):
    space = search_spaces.load(written(GOOD))
    assert (space.width, space.conv_depth, space.attention_depth) == ((1.0,), (1.0,), (1.0,))
    assert space.size == 2 * 3


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 1", "version: 3", r"line 1: 'version' got '3': Input should be 1 or 2"),
        ("name: mine", "", r"line 1: 'name' is missing"),
        ("name: mine", "nom: mine", r"line 2: nobody takes 'nom', expected .* Did you mean 'name'\?"),
        ("version: 1", "versoin: 1", r"line 1: nobody takes 'versoin', .* Did you mean 'version'\?"),
        ("channels: 32", "chanels: 32", r"line 5: nobody takes 'stages.1.chanels', .*mean 'channels'\?"),
        ("    options:", "    optoins:", r"line 7: nobody takes 'stages.1.optoins', .*mean 'options'\?"),
        ("name: mine", "name: mine\nwidths: [1.0]", r"line 3: nobody takes 'widths', expected one of"),
        ("[32, 64]", "[32, wide]", r"line 3: 'resolution.2' got 'wide': Input should be a valid integer"),
        ("[32, 64]", "[0]", r"line 3: 'resolution.1' got '0': Input should be greater than or equal to 1"),
        ("[32, 64]", "[32, 32]", r"line 3: The choice 'resolution' got the values \[32, 32\]"),
        ("[32, 64]", "[1, 64]", r"line 3: .* shrinks images of 1 pixels by 4, below 1 x 1"),
        ("channels: 32", "channels: many", r"line 5: 'stages.1.channels' got 'many'"),
        ("    stride: 2", "    strid: 2", r"line 6: nobody takes 'stages.1.strid', expected one of channels"),
        ("    stride: 2", "    block: metafromer", r"line 6: .*'metafromer'. Did you mean 'metaformer'"),
        ("[depthwise, attention]", "[atention]", r"line 8: .*'atention'. Did you mean 'attention'"),
        ("[depthwise, attention]", "['os:getcwdd']", r"line 8: Cannot take the mixer 'os:getcwdd'"),
        ("kernel: [3, 5]", "kernel: [3, 4]", r"line 5: .*kernel 4.*expected an odd number"),
        ("kernel: [3, 5]", "kernal: [3, 5]", r"line 9: .*option 'kernal': .* Did you mean 'kernel'\?"),
        ("kernel: [3, 5]", "depthwize.kernel: [3]", r"line 9: .*mixer 'depthwize' .* mean 'depthwise'\?"),
        ("name: mine", "name: mine\nwidth: [1.0, 1.01]", r"line 3: .*expected widths that give different"),
        ("kernel: [3, 5]", "head_channels: [24]", r"line 5: .*heads of 24: expected heads that divide"),
        ("kernel: [3, 5]", "kernel: []", r"line 9: 'stages.1.options.kernel' got '\[\]'"),
        ("stages:", "options: {stem: 3}\nstages:", r"line 4: .*'pyramid' got the option 'stem': expected"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_value_and_what_is_allowed(written, old, new, said):
    assert old in GOOD
    path = written(GOOD.replace(old, new))
    with pytest.raises(SpaceError, match=said) as raised:
        search_spaces.load(path)
    assert "mine.yaml" in str(raised.value)
    assert "\n" not in str(raised.value)


SECOND = """\
version: 2
name: mine
resolution: [32, 64]
options: {stem_stride: [1, 2]}
stages:
  - channels: 32
    width: [0.5, 1.0]
    block: [metaformer, inverted_residual]
    depth: 2
    attend: [none, last]
    dilations: [one, cycle]
    options:
      mixer: [depthwise]
      attention_mixer: [attention]
      inverted_residual.kernel: [3, 5]
"""


def test_version_2_offers_widths_blocks_patterns_and_choices_of_the_skeleton(written):
    space = search_spaces.load(written(SECOND))
    names = [choice.name for choice in space.choices]
    assert names[4:] == [
        "stem_stride",
        *(f"stage1.{name}" for name in ("width", "block", "mixer", "attend", "attention_mixer", "dilations")),
        "stage1.kernel",
    ]
    # 2 images, 2 stems, 2 widths: one of two kernels, or one rate or cycling ones; where attention is last,
    # one convolution is left, whose rate is 1 in both.
    assert space.size == 8 * (2 + 2 + 1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 2", "version: 1", r"line 4: 'options.stem_stride' is of version 2. Write version: 2"),
        ("[none, last]", "[none, lats]", r"line 10: .*attend 'lats': expected one of none, last"),
        ("[none, last]", "[last, last]", r"line 10: The choice 'attend' got the values"),
        ("attention_mixer: [attention]", "expansion: 2", r"line 10: .*no option 'attention_mixer': exp"),
        ("mixer: [attention]", "mixer: [depthwise]", r"line 14: .*of the kind conv: expected mixers of"),
        ("mixer: [depthwise]", "mixer: [partial_conv]", r"line 11: .*dilations 'cycle': expected a mixer"),
        ("[one, cycle]", "[one, groups]", None),
        ("[0.5, 1.0]", "[0.1, 1.0]", r"line 7: Stage 1 of 32 channels .* rounds to nothing"),
        ("[0.5, 1.0]", "[1.0, 1.01]", r"line 7: .*the widths 1 and 1.01, which both give 32 channels"),
        ("[metaformer, inverted_residual]", "[metaformer, invertd]", r"line 8: .*'invertd'"),
        ("[metaformer, inverted_residual]", "[inverted_residual]", r"line 10: .*got attend, which is"),
        ("inverted_residual.kernel", "convnext.kernel", r"line 15: .*block or mixer 'convnext' alone"),
        ("inverted_residual.kernel", "inverted_residual.mixer", r"line 15: .*'inverted_residual.mix"),
        ("stem_stride: [1, 2]", "stem_strides: [1, 2]", r"line 4: .*'pyramid' got the option 'stem_strides'"),
        ("stem_stride: [1, 2]", "stem_stride: [1, 64]", r"line 3: .*shrinks images of 32 pixels by 64"),
    ],
)  # fmt: skip
def test_a_mistake_in_version_2_is_named_with_its_line_value_and_what_is_allowed(written, old, new, said):
    assert old in SECOND
    path = written(SECOND.replace(old, new))
    if said is None:
        search_spaces.load(path)
        return
    with pytest.raises(SpaceError, match=said) as raised:
        search_spaces.load(path)
    assert "mine.yaml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_space_of_one_network_is_refused(written):
    text = "version: 1\nname: mine\nresolution: [32]\nstages: [{channels: 32, options: {mixer: depthwise}}]\n"
    with pytest.raises(SpaceError, match="holds a single network"):
        search_spaces.load(written(text))


def test_a_depth_that_contradicts_a_factor_is_named_with_its_own_line(written):
    stage = "  - channels: 32\n    depth: {}\n    options: {{mixer: [depthwise]}}\n"
    text = "version: 1\nname: mine\nresolution: [64]\nconv_depth: [1.0, 2.0]\nstages:\n"
    path = written(text + stage.format(1) + stage.format(2) + stage.format("[1, 2]"))
    with pytest.raises(SpaceError, match=r"line 13: Stage 3 of 'mine' got 2 depths under a depth factor"):
        search_spaces.load(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no search space"),
        ("- a\n- b\n", "holds no search space"),
        ("just words", "holds no search space"),
        ("name: [1, 2\n", "Expected YAML"),
        ("a: 1\n---\nb: 2\n", "Expected YAML"),
        ("name: a\nname: b\n", "line 2: 'name' stands twice"),
        ("name: !!python/object/apply:os.getcwd []\n", "holds no search space|is missing|Expected"),
        ("name: !!python/name:os.getcwd x\n", "line 1: .*Expected text, numbers"),
        ("a: &x [1]\nb: *x\n", "line 1: aliases and anchors are not read"),
        ("a: &x [*x]\n", "aliases and anchors are not read"),
        ("[" * 5000 + "]" * 5000, "at most 12 levels"),
        ("[" + "1," * 20_000 + "]", "10000 values"),
        ("# " + "x" * 70_000, "larger than 64 KiB"),
        ("\x00", "Expected YAML"),
    ],
)
def test_what_is_no_space_or_a_trap_is_refused_in_one_line(written, text, said):
    with pytest.raises(SpaceError, match=said) as raised:
        search_spaces.load(written(text))
    assert "\n" not in str(raised.value)


def test_a_billion_laughs_are_refused_before_they_are_told(written):
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
    )
    with pytest.raises(SpaceError, match="line 1: aliases and anchors"):
        search_spaces.load(written(bomb))


def test_an_absent_file_and_a_name_nobody_has_are_told_apart(tmp_path):
    with pytest.raises(SpaceError, match=r"nowhere.yaml': No such file or directory. Expected a YAML file"):
        search_spaces.load(str(tmp_path / "nowhere.yaml"))
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(SpaceError, match="Is a directory"):
        search_spaces.load(str(tmp_path / "folder.yaml"))
    with pytest.raises(UnknownNameError, match="Did you mean 'hybrid'"):
        search_spaces.load("hybird")


def test_text_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"name: \xff\xfe\n")
    with pytest.raises(SpaceError, match="Expected text in UTF-8"):
        search_spaces.load(str(path))


def test_too_many_combinations_are_refused(written):
    many = ", ".join(str(1 + i) for i in range(200))
    with pytest.raises(SpaceError, match=r"line 5: A stage offers 80,000 combinations of mixer, kernel"):
        search_spaces.load(written(GOOD.replace("[3, 5]", f"[{many}]\n      expansion: [{many}]")))
    widths = ", ".join(f"{1 + i}.0" for i in range(60))
    depths = ", ".join(f"{i / 4}" for i in range(1, 250))
    lines = f"[32, 64]\nwidth: [{widths}]\nconv_depth: [{depths}]"
    with pytest.raises(SpaceError, match="29,880 combinations of resolution, width, conv_depth"):
        search_spaces.load(written(GOOD.replace("[32, 64]", lines)))


def test_every_mixer_on_the_shelf_is_a_line_away(written):
    text = GOOD.replace("[depthwise, attention]", f"[{', '.join(MIXERS)}]").replace(
        "kernel: [3, 5]", "kernel: [3, 7]\n      dilated_reparam.kernel: [5, 7]\n      window: [4, 7]"
    )
    space = search_spaces.load(written(text))
    assert {item.stage.mixer for item in space.codes.menus[0]} == set(MIXERS)
    table = prices(space.codes, num_classes=10)
    codes = uniform_codes(space.codes, np.random.default_rng(0), 40)
    for code, costs in zip(codes, table.costs(codes), strict=True):
        assert search_spaces.count(space.codes.at(code), num_classes=10, deploy=True) == costs


class Stranger(nn.Module):
    """A mixer of somebody else's that lists a bias it does not have."""

    kind = "conv"

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Any:
        return self.conv(x)

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool) -> Any:
        del deploy
        return tape.conv(x, x.channels, bias=True)


def test_a_strangers_mixer_that_lists_other_than_it_runs_is_refused(written, monkeypatch):
    monkeypatch.setitem(sys.modules, "strangers", sys.modules[__name__])
    text = GOOD.replace("[depthwise, attention]", "['strangers:Stranger']").replace("kernel", "expansion")
    with pytest.raises(SpaceError, match=r"lists \d+ params at 32 channels and 8 x 8, but \d+ run"):
        search_spaces.load(written(text))
    monkeypatch.delattr(Stranger, "layers")
    with pytest.raises(SpaceError, match=r"Cannot price metaformer with strangers:Stranger: .*'layers'"):
        search_spaces.load(written(text.replace("mine", "mine2")))


def test_a_space_of_another_module_is_taken_by_its_name():
    assert search_spaces.load("search_spaces.catalog.hybrid_small:SPACE").name == "hybrid_small"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kernel: [3, 5]", "head_channels: 8.0", r"line 9: .*mixer 'attention' got head_channels 8.0: expec"),
        ("kernel: [3, 5]", "head_channels: -8", r"line 9: .*got head_channels -8: expected a whole number"),
        ("kernel: [3, 5]", "dilation: [0, 1]", r"line 9: .*got dilation 0: expected a whole number above 0"),
        ("kernel: [3, 5]", "depthwise.dilation: [0, 1]", r"line 9: .*got depthwise.dilation 0: expected"),
        ("kernel: [3, 5]", "normed: [2, 3]", r"line 9: .*got normed 2: expected true or false"),
        ("kernel: [3, 5]", "mlp: on", r"line 9: .*got mlp True: expected text"),
        ("    options:", "    block: mobilevit_v2\n    options:\n      patch: [0, 2]", r"line 9: .*patch 0"),
        ("stages:", "options: {stem_channels: 0}\nstages:", r"line 4: .*got stem_channels 0: expected a wh"),
        ("stages:", "options: {head_channels: -8}\nstages:", r"line 4: .*got head_channels -8: .*at least 0"),
        ("stages:", "options: {stem_stride: '2'}\nstages:", r"line 4: .*got stem_stride '2': expected a wh"),
        ("stages:", "options: {stem_stride: [0, 2]}\nstages:", r"line 4: .*got stem_stride 0: expected a wh"),
        ("stages:", "options: {norm_eps: .nan}\nstages:", r"line 4: .*got norm_eps nan: expected a number"),
    ],
)  # fmt: skip
def test_a_value_with_which_no_network_runs_is_named_with_its_line(written, old, new, said):
    assert old in GOOD
    path = written(GOOD.replace("version: 1", "version: 2").replace(old, new))
    with pytest.raises(SpaceError, match=said) as raised:
        search_spaces.load(path)
    assert "\n" not in str(raised.value)


def test_a_number_with_an_exponent_is_a_number(written):
    text = GOOD.replace("stages:", "options: {norm_eps: 1e-3}\nstages:").replace(
        "[32, 64]", "[32, 64]\nwidth: 1e0"
    )
    space = search_spaces.load(written(text))
    assert dict(space.options)["norm_eps"] == 0.001
    assert space.width == (1.0,)


def test_a_zero_that_leaves_something_out_is_taken(written):
    text = GOOD.replace("version: 1", "version: 2").replace(
        "stages:", "options: {head_channels: [0, 64]}\nstages:"
    )
    assert ("head_channels", (0, 64)) in {
        (c.name, c.values) for c in search_spaces.load(written(text)).choices
    }
    text = GOOD[: GOOD.index("    options")] + (
        "    block: universal_inverted_bottleneck\n    options: {start_kernel: [0, 3], layer_scale: true}\n"
    )
    assert search_spaces.load(written(text)).size == 4


def test_whole_numbers_and_fractions_are_one_choice_in_rising_order(written):
    text = (
        GOOD[: GOOD.index("    options")]
        + "    block: inverted_residual\n    options: {expansion: [6, 4.5, 3]}\n"
    )
    assert search_spaces.load(written(text)).choices[-1].values == (3, 4.5, 6)
