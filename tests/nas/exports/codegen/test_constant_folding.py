"""ExtractedClass source loses what has one value in a network, and keeps its meaning and its comments."""

import re
import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from nas.exports.codegen.extract import extract_class
from search_spaces.errors import ExportError
from tests.nas.exports.networks import every_part

PART = '''"""A part.

Its gate is one of:

* ``near``, close by;
* ``far``, which takes a
  second line.
"""

import torch
from torch import Tensor, nn

_ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU}
_SIDES = {3: ((1, 2),), 5: ((2, 2), (3, 1)), 7: ()}


def _conv(channels: int, kernel: int, *, bias: bool) -> nn.Conv2d:
    if kernel == 99:
        raise ValueError("never")
    return nn.Conv2d(channels, channels, kernel, padding=1 * (kernel // 2), bias=bias)


class Part(nn.Module):
    """Convolves with a kernel of `kernel`.

    If `normed` a norm follows.

    Args:
        channels: How many.
        normed: Whether a norm
            follows.
    """

    def __init__(self, channels: int, *, kernel: int = 3, normed: bool = True, gate: str = "near",
                 activation: str = "silu") -> None:
        super().__init__()
        act = _ACTIVATIONS[activation]
        self.sides = ((0, 0), *_SIDES[kernel])
        self.conv = _conv(channels, kernel, bias=not normed)
        # what follows it
        if normed:
            self.norm = nn.BatchNorm2d(channels)  # [b, c, h, w]
        else:
            self.norm = nn.Identity()
        if gate == "near":
            self.gate = nn.Sigmoid()
        elif gate == "far":
            self.gate = nn.Tanh()
        else:
            self.gate = nn.Identity()
        self.act = act(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.gate(self.norm(self.conv(x))))


MIXER = Part
'''


@pytest.fixture
def defined(tmp_path, monkeypatch):
    """Return a function from source to the class `Part` that it defines in a file of its own."""

    def define(text):
        path = tmp_path / "part_on_disk.py"
        path.write_text(text)
        module = ModuleType("part_on_disk")
        module.__file__ = str(path)
        monkeypatch.setitem(sys.modules, "part_on_disk", module)
        exec(compile(text, str(path), "exec"), module.__dict__)
        return module.Part

    return define


@pytest.fixture
def part(defined):
    """Return a class that is defined in a file of its own."""
    return defined(PART)


def text_of(extracted):
    return "\n\n\n".join(d.text for d in extracted.definitions)


def made(extracted, *arguments, **options):
    found: dict[str, Any] = {"nn": nn, "torch": torch, "Tensor": torch.Tensor}
    exec(text_of(extracted), found)
    torch.manual_seed(0)
    return found[extracted.name](*arguments, **options)


def test_what_has_one_value_is_no_keyword_and_no_branch(part):
    extracted = extract_class(
        part, {"kernel": (5,), "normed": (True,), "gate": ("near",), "activation": ("relu",)}
    )
    text = text_of(extracted)
    for gone in ("_ACTIVATIONS", "_SIDES", "if ", "Identity", "Tanh", "kernel=", "normed", "1 *", "bias=not"):
        assert gone not in text, gone
    for there in (
        "def __init__(self, channels: int) -> None:",
        "self.sides = ((0, 0), (2, 2), (3, 1))",
        "self.act = nn.ReLU(inplace=True)",
        "# what follows it",
        "# [b, c, h, w]",
        "with a kernel of 5.",
        "        channels: How many.",
    ):
        assert there in text, there
    assert "padding=2, bias=False" in text
    assert "near" in extracted.about
    assert "far" not in extracted.about


def test_what_has_several_values_keeps_the_branches_for_them(part):
    values = {"kernel": (3, 5), "normed": (True, False), "gate": ("far", "none"), "activation": ("silu",)}
    text = text_of(extract_class(part, values))
    assert "_SIDES = {3: ((1, 2),), 5: ((2, 2), (3, 1))}" in text
    assert 'if gate == "far":' in text
    assert '"near":' not in text
    assert "if normed:" in text


@pytest.mark.parametrize("normed", [True, False])
@pytest.mark.parametrize("gate", ["near", "far", "none"])
@pytest.mark.parametrize("kernel", [3, 5])
def test_a_folded_part_is_the_part_with_its_keywords(part, kernel, gate, normed):
    values = {"kernel": kernel, "gate": gate, "normed": normed, "activation": "silu"}
    torch.manual_seed(0)
    whole = part(4, **values)
    images = torch.randn(2, 4, 6, 6)
    one = made(extract_class(part, {k: (v,) for k, v in values.items()}), 4)
    assert torch.equal(one(images), whole(images))
    several = {"kernel": (3, 5), "gate": ("near", "far", "none"), "normed": (True, False)}
    open_one = made(
        extract_class(part, {**several, "activation": ("silu",)}), 4, kernel=kernel, gate=gate, normed=normed
    )
    assert torch.equal(open_one(images), whole(images))


CONDITIONS = """from torch import Tensor, nn


class Part(nn.Module):
    def __init__(self, channels: int, *, near: bool = True, far: bool = False) -> None:
        super().__init__()
        self.kept = near and channels == 4
        self.gone = channels == 4 and far and channels == 8
        self.whole = channels == 4 or (near or channels == 8)
        self.both = channels > 2 and near and (channels == 8 or far or channels == 4)
        self.layer = nn.Identity()
        if channels == 8 or near:
            self.layer = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)
"""


@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize("far", [True, False])
@pytest.mark.parametrize("channels", [4, 8])
def test_a_condition_of_which_a_part_is_known_is_as_short_as_it_can_be(defined, near, far, channels):
    part = defined(CONDITIONS)
    extracted = extract_class(part, {"near": (near,), "far": (far,)})
    whole, found = part(channels, near=near, far=far), made(extracted, channels)
    for name in ("kept", "gone", "whole", "both"):
        assert getattr(found, name) == getattr(whole, name)
    assert type(found.layer) is type(whole.layer)
    text = text_of(extracted)
    assert not re.search(r"(True|False) (and|or)|(and|or|if) (True|False)", text)
    if near and not far:
        assert "self.kept = channels == 4\n" in text
        assert "self.both = channels > 2 and (channels == 8 or channels == 4)\n" in text
        assert "if " not in text


def test_without_choices_nothing_is_changed_but_guards(part):
    text = text_of(extract_class(part))
    assert 'gate: str = "near"' in text
    assert 'elif gate == "far":' in text


def test_the_parts_that_are_exported_are_those_on_the_shelves():
    kinds = {name.split("-")[0] for name in every_part()}
    assert kinds == {"mixer", "block", "blocks", "network"}


SHIFT = """import torch
from torch import Tensor, nn

{constants}


class Part(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(torch.roll(x, STEP, AXES[0]))
"""


@pytest.mark.parametrize(
    "constants", ["AXES, STEP = (2, 3), 1", "AXES = (2, 3)\nSTEP = UNIT = 1", "(STEP, AXES) = (1, (2, 3))"]
)
def test_an_assignment_of_several_names_is_several_definitions(defined, constants):
    part = defined(SHIFT.format(constants=constants))
    torch.manual_seed(0)
    whole, images = part(4), torch.randn(2, 4, 6, 6)
    torch.manual_seed(0)
    assert torch.equal(made(extract_class(part), 4)(images), whole(images))


@pytest.mark.parametrize(
    ("constants", "name", "line"),
    [
        ("AXES, STEP = sorted([2, 1])[:2], 1\nSTEP += 1", "STEP", 5),
        (
            "AXES = (2, 3)\ntry:\n    from math import inf as STEP\nexcept ImportError:\n    pass\nSTEP = 1",
            "STEP",
            5,
        ),
        ("AXES, (STEP, _) = (2, 3), (1, 2)", "AXES", 4),
        ("if torch.__version__:\n    AXES = (2, 3)\nSTEP = 1", "AXES", 4),
    ],
)
def test_a_name_that_is_set_otherwise_is_refused(defined, constants, name, line):
    part = defined(SHIFT.format(constants=constants))
    with pytest.raises(ExportError, match=f"it uses '{name}', expected .* sets it in line {line}") as said:
        extract_class(part)
    assert "\n" not in str(said.value)
