import pytest

from search_spaces.errors import TargetError, UnknownNameError
from trials.target_names import find_target, read_targets


def test_options_behind_a_kind_are_read(tmp_path):
    spec = find_target("cpu:threads=2,dtype=int8", tmp_path / "none.yaml")
    assert spec.kind == "cpu"
    assert spec.name == "cpu:threads=2,dtype=int8"
    assert spec.options == (("dtype", "int8"), ("threads", "2"))


@pytest.mark.parametrize("text", ["", "pixel", "cpu2", "nonsense:a=1"])
def test_an_unknown_target_is_an_error_that_lists_the_known_ones(text, tmp_path):
    file = tmp_path / "targets.yaml"
    file.write_text("version: 1\ntargets:\n  orin: {kind: cpu}\n")
    with pytest.raises(UnknownNameError, match=r"Known: .*cpu.*orin"):
        find_target(text, file)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[", "Expected YAML"),
        ("targets: {a: {kind: cpu}}", "expected 'version: 1'"),
        ("version: 2\ntargets: {a: {kind: cpu}}", "expected 'version: 1'"),
        ("version: 1", "expected 'targets:'"),
        ("version: 1\ntargets: {a: {kind: fpga}}", "has no kind: expected one of"),
        ("version: 1\ntargets: {a: cpu}", "has no kind: expected one of"),
        ("version: 1\ntargets: {cpu: {kind: cpu}}", "has an invalid name"),
        ("version: 1\ntargets: {'a b': {kind: cpu}}", "has an invalid name"),
        ("version: 1\ntargets: {a: {kind: cpu, threads: [1]}}", "neither text nor number"),
        ("versoin: 1\ntargets: {a: {kind: cpu}}", r"line 1: nobody takes 'versoin', .*mean 'version'\?"),
        ("version: 1\ntarget: {a: {kind: cpu}}", r"line 2: nobody takes 'target', .*mean 'targets'\?"),
        ("version: 1\ntargets:\n  a: {knid: cpu}", r"line 3: .* option 'knid': .*mean 'kind'\?"),
        ("version: 1\ntargets:\n  a:\n    kind: ssh\n    adress: b", r"line 5: .*mean 'address'\?"),
        (
            "version: 1\ntargets:\n  a: {kind: cpu, address: b}",
            "line 3, has an address, and cpu is",
        ),
        ("version: 1\ntargets:\n  a:\n    kind: cpu\n    thread: 2", r"line 5: .*mean 'threads'\?"),
        ("version: 1\ntargets:\n  a: {kind: cpu}\n  b: {kind: cdua}", r"line 4, has no kind: .*mean 'cuda'"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_says_why(text, expected, tmp_path):
    file = tmp_path / "targets.yaml"
    file.write_text(text)
    with pytest.raises(TargetError, match=expected) as caught:
        read_targets(file)
    assert "\n" not in str(caught.value)
