"""A Pareto front is exported only where the weights of all its networks are there."""

import pytest

from nas.exports.front_weights import check_front_weights
from search_spaces.errors import ExportError

WEIGHTS = {3: "trials/00003/weights", 7: "trials/00007/weights", 9: "retrained/9"}


def test_networks_without_weights_are_named_in_one_line_with_what_to_do():
    with pytest.raises(ExportError, match=r"#3, #7 have no weights, expected those of all 3") as caught:
        check_front_weights("mine", WEIGHTS, lambda file: file == "retrained/9")
    assert "nas retrain" in str(caught.value)
    assert "or export #9 one by one" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_front_with_all_its_weights_is_left_alone():
    check_front_weights("mine", WEIGHTS, lambda _: True)
