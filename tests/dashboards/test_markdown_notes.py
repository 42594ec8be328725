"""Notes tell what a network is, whether it fits and why it ended; pictures are whole SVG."""

import shlex
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

import search_spaces
from dashboards.markdown_notes import command_lines, study_note, trial_note
from dashboards.palette import ATTENTION, CONVOLUTION, PLAIN
from dashboards.part_names import part_words
from dashboards.picture import picture
from dashboards.search_state import SearchState
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.budget import Budget
from search_spaces.counting import count_parts
from tests.dashboards.searches import architectures, findings, network, search


def test_a_note_has_the_picture_the_budgets_and_a_line_for_each_part():
    seen = network()
    shown = findings(seen)
    note = trial_note(shown, seen, picture="/nas/studies/1/trials/7.svg")
    assert "![The network from left to right](/nas/studies/1/trials/7.svg)" in note
    assert "| 300M-MACs | 299M | fits, 0.3% to spare |" in note
    stages = architectures(1)[0].stages
    for number, stage in enumerate(stages, 1):
        (line,) = [line for line in note.splitlines() if line.startswith(f"| {number} |")]
        assert stage.block.replace("_", " ") in line
        assert "%" in line
    assert "<" not in note  # the dashboard shows no HTML


def test_a_latency_budget_shows_the_upper_bound_that_it_is_compared_with():
    fast, budget = Budget.parse("12ms@cpu"), {"12ms@cpu": 0.01}
    seen = network(latency_ms={"cpu": 11.9}, latency_bound_ms={"cpu": 12.12}, excess=budget)
    note = trial_note(findings(result=search(seen, budgets=(fast,))), seen, picture=None)
    assert "| 12ms@cpu | 11.9 ms (upper bound 12.1 ms) | over by 1.0% |" in note


def test_a_note_says_why_a_network_ended_and_what_it_misses():
    missing = network(
        3,
        state="pruned",
        epochs=0,
        reason="misses 5ms@cpu: measured 7 ms",
        excess={"300M-MACs": 0.4},
        fits=False,
    )
    note = trial_note(findings(missing), missing, picture=None)
    assert "over budget; misses 5ms@cpu: measured 7 ms" in note
    assert "over by 40.0%" in note


def test_what_users_and_errors_say_is_neither_html_nor_a_column():
    failed = network(3, state="fail", name="<b>|x", reason="Cannot read <img src=x>|y", fits=False)
    assert "Cannot read &lt;img src=x>\\|y" in trial_note(findings(failed), failed, picture=None)
    assert "| #3 &lt;b>\\|x |" in study_note(findings(network(1), failed))


def test_the_study_note_leads_with_the_best_and_says_when_there_is_nothing():
    assert "Nothing has been tried yet" in study_note(findings())
    note = study_note(findings(network(1, accuracy=0.9), network(2, accuracy=0.8)))
    assert note.index("| #1 |") < note.index("| #2 |")
    assert "| best |" in note


def test_a_command_is_broken_into_lines_that_a_shell_reads_as_one():
    command = (
        "nas search --budget 300M-MACs --data '/my images/of  cats --and dogs' --space hybrid_small "
        "--recipe proxy --sampler factor_gp --seed 0 --trials 16 --study hybrid_small-cats-300M-MACs-seed0"
    )
    lines = command_lines(command)
    assert len(lines) > 1
    assert all(len(line) <= 80 for line in lines)
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(command)
    assert command_lines("nas export mine --to my_net") == ["nas export mine --to my_net"]


def test_a_picture_is_svg_with_every_part_of_every_published_network():
    for name in search_spaces.references():
        architecture = search_spaces.reference(name)
        parts = count_parts(architecture, num_classes=1000)
        root = ET.fromstring(picture(architecture, parts))
        blocks = [e for e in root.iter("{http://www.w3.org/2000/svg}rect") if e.get("fill-opacity") == "0.88"]
        assert len(blocks) == 2 + sum(stage.depth for stage in architecture.stages)
        assert all(float(e.get("width", 0)) > 0 for e in blocks)


@pytest.mark.parametrize("name", ["efficientnet_b0_224", "mobilevit_s_256", "inceptionnext_atto_224"])
def test_no_name_in_a_picture_is_cut_or_wider_than_its_part(name: str):
    parts = count_parts(search_spaces.reference(name), num_classes=1000)
    root = ET.fromstring(picture(search_spaces.reference(name), parts))
    texts = [e for e in root.iter("{http://www.w3.org/2000/svg}text") if e.get("text-anchor") == "middle"]
    words = " ".join(str(text.text) for text in texts)
    for part in parts[1:-1]:
        assert part.stage is not None
        shown = (part.stage.mixer or part.stage.block).replace("_", " ").split()
        assert all(word in words.split() for word in shown)
    column = float(root.get("width", 0)) / len(parts)
    labels = [text for text in texts if text.get("font-size") == "11.5"]
    assert labels
    assert all(5.8 * len(str(text.text)) <= column for text in labels)


def test_notes_of_an_interrupted_search_do_not_call_it_running():
    state = SearchState(state="interrupted", last_sign_s=0.0, ago_s=185.0)
    left = network(3, state="running", epochs=2)
    found = findings(left)
    found = replace(found, result=replace(found.result, state=state))
    assert "interrupted 3 min ago; the same command goes on" in study_note(found)
    assert "interrupted" in trial_note(found, left, picture=None)
    assert "in training" not in study_note(found) + trial_note(found, left, picture=None)
    running = replace(found, result=replace(found.result, state=replace(state, state="running")))
    assert "The search is **running**." in study_note(running)
    assert "in training" in trial_note(running, left, picture=None)


def test_words_and_the_picture_say_where_in_a_stage_attention_stands():
    conv = options_of({"mixer": "depthwise", "kernel": 5})
    stage = Stage.made_of("metaformer", 16, 2, [conv, options_of({"mixer": "attention"}), conv])
    network = Architecture(network="pyramid", resolution=32, stages=(stage,))
    parts = count_parts(network, num_classes=10)
    assert part_words(parts[1], "1") == (
        "3 × metaformer of depthwise (kernel 5) in blocks 1, 3; metaformer of attention in block 2"
    )
    drawn = ET.fromstring(picture(network, parts))
    colours = [
        box.get("fill") for box in drawn.iter("{http://www.w3.org/2000/svg}rect") if box.get("rx") == "3"
    ]
    assert colours == [PLAIN, CONVOLUTION, ATTENTION, CONVOLUTION, PLAIN]
