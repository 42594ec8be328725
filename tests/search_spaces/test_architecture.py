"""Architectures are plain data that survive the trip through JSON, and say what is wrong with bad JSON."""

import json

import pytest

from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.errors import ArchitectureError

ONE = Architecture(
    network="pyramid",
    resolution=32,
    stages=(Stage(block="metaformer", channels=16, depth=2, options=options_of({"mixer": "attention"})),),
    options=options_of({"stem_channels": 16}),
)
RECORD = json.loads(ONE.to_json())
STAGE = RECORD["stages"][0]


def test_the_order_of_options_does_not_matter():
    first = options_of({"a": 1, "b": 2})
    assert first == options_of({"b": 2, "a": 1})
    assert hash(first) == hash(options_of({"b": 2, "a": 1}))


def test_the_fingerprint_is_the_same_in_every_process():
    assert ONE.fingerprint == "104d381ec6df6f76"
    assert len(ONE.fingerprint) == 16


def test_the_format_carries_its_version():
    assert RECORD["version"] == 1
    with pytest.raises(ArchitectureError, match="version 3: expected version 1 or 2"):
        Architecture.from_json(json.dumps({**RECORD, "version": 3}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        "[" * 100_000,
        json.dumps({k: v for k, v in RECORD.items() if k != "stages"}),
        json.dumps({**RECORD, "stages": 3}),
        json.dumps({**RECORD, "stages": [1]}),
        json.dumps({**RECORD, "stages": []}),
        json.dumps({**RECORD, "network": 3}),
        json.dumps({**RECORD, "resolution": "32"}),
        json.dumps({**RECORD, "resolution": 0}),
        json.dumps({**RECORD, "options": []}),
        json.dumps({**RECORD, "options": {"a": [1]}}),
        json.dumps({**RECORD, "stages": [{**STAGE, "depth": 0}]}),
        json.dumps({**RECORD, "stages": [{**STAGE, "depth": True}]}),
        json.dumps({**RECORD, "stages": [{**STAGE, "channels": 1.5}]}),
        json.dumps({**RECORD, "stages": [{**STAGE, "block": None}]}),
    ],
)
def test_bad_json_is_refused_in_one_line(text):
    with pytest.raises(ArchitectureError) as raised:
        Architecture.from_json(text)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"channels"', '"chanels"', r"line \d+: nobody takes 'chanels', .* Did you mean 'channels'\?"),
        ('"resolution"', '"resolutoin"', r"line \d+: nobody takes 'resolutoin', .*mean 'resolution'\?"),
        ('"version"', '"versoin"', r"line \d+: nobody takes 'versoin', .*mean 'version'\?"),
    ],
)
def test_a_mistyped_key_is_named_before_the_one_that_is_missing(old, new, said):
    stage = Stage(block="metaformer", channels=16, depth=1, options=(("mixer", "depthwise"),))
    described = Architecture(network="pyramid", resolution=32, stages=(stage,)).to_json()
    text = json.dumps(json.loads(described), indent=2).replace(old, new)
    line = text.partition(new)[0].count("\n") + 1
    with pytest.raises(ArchitectureError, match=said.replace(r"\d+", str(line))):
        Architecture.from_json(text)
    with pytest.raises(ArchitectureError, match="Cannot read an architecture: nobody takes"):
        Architecture.from_json(described.replace(old, new))


CONV = options_of({"mixer": "depthwise", "kernel": 3})
ATTENTION = options_of({"mixer": "attention"})
VARIED = Architecture(
    network="pyramid", resolution=32, stages=(Stage.made_of("metaformer", 16, 2, [CONV, CONV, ATTENTION]),)
)


def test_a_stage_of_different_blocks_has_one_form_and_needs_format_2():
    stage = VARIED.stages[0]
    assert stage.options == ()
    assert stage.overrides == (CONV, CONV, ATTENTION)
    assert [(run.depth, run.stride, run.mixer) for run in stage.runs] == [
        (2, 2, "depthwise"),
        (1, 1, "attention"),
    ]
    assert json.loads(VARIED.to_json())["version"] == 2
    assert Architecture.from_json(VARIED.to_json()) == VARIED
    assert Stage.made_of("metaformer", 16, 2, [CONV, CONV]).overrides == ()
    with pytest.raises(
        ArchitectureError, match="overrides for 2 blocks: expected none, or one for each of its 3"
    ):
        Stage(block="metaformer", channels=16, depth=3, overrides=(CONV, ATTENTION))
    with pytest.raises(ArchitectureError, match="expected what all have in options"):
        Stage(block="metaformer", channels=16, depth=2, overrides=(CONV, CONV))


def test_format_1_has_no_overrides():
    record = {**json.loads(VARIED.to_json()), "version": 1}
    with pytest.raises(ArchitectureError, match="nobody takes 'overrides'"):
        Architecture.from_json(json.dumps(record))
