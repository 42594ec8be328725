"""What every kind of target owes."""

import importlib
from pathlib import Path

import pytest
from torch import nn

from search_spaces.errors import TargetError, UnknownNameError
from trials.latency_measurement import measure
from trials.target_names import find_target
from trials.targets import TARGETS, Target

pytestmark = pytest.mark.parametrize("name", list(TARGETS))


def test_it_is_a_target_with_plain_defaults(name):
    target = TARGETS[name]
    assert isinstance(target, Target)
    assert all(isinstance(v, str | int | float) for v in target.defaults.values())


def test_its_docstring_names_its_options(name):
    said = importlib.import_module(f"trials.targets.{name}").__doc__ or ""
    for option in TARGETS[name].defaults:
        assert f"``{option}``" in said


def test_an_unknown_option_is_an_error_that_lists_the_known_ones(name, tmp_path):
    file = tmp_path / "targets.yaml"
    file.write_text(f"version: 1\ntargets:\n  mine: {{kind: {name}, address: x, colour: red}}\n")
    with pytest.raises(TargetError, match=r"'mine' got the option 'colour': expected one of"):
        measure(nn.Identity(), resolution=8, in_channels=1, target="mine", targets_file=file)


def test_a_target_of_this_kind_is_found_by_its_name_in_a_file(name, tmp_path):
    file = tmp_path / "targets.yaml"
    address = "somewhere" if TARGETS[name].addressed else ""
    written = f", address: {address}" if address else ""
    file.write_text(f"version: 1\ntargets:\n  mine: {{kind: {name}{written}}}\n")
    spec = find_target("mine", file)
    assert (spec.name, spec.kind, spec.address) == ("mine", name, address)


def test_an_address_is_taken_by_a_kind_of_other_machines_alone(name, tmp_path):
    file = tmp_path / "targets.yaml"
    file.write_text(f"version: 1\ntargets:\n  mine: {{kind: {name}, address: somewhere}}\n")
    if TARGETS[name].addressed:
        assert find_target("mine", file).address == "somewhere"
        return
    with pytest.raises(TargetError, match=rf"line 3, has an address, and {name} is this machine: expected"):
        find_target("mine", file)


def test_a_misspelt_target_is_an_error_that_offers_it(name):
    with pytest.raises(UnknownNameError, match="No target is called"):
        find_target(f"{name}x", Path("absent.yaml"))
