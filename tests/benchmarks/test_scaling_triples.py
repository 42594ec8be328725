"""A thousand random (network, budget, rule): every scaled network fits its budget and fills it."""

import numpy as np
import pytest

from tests.benchmarks.filing import file_result
from tests.nas.scaling.test_family import scaled_triples

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(0)]


def test_a_thousand_scaled_networks_fit_their_budgets_and_fill_them():
    shares, refused = scaled_triples(1000)
    file_result(
        "scaling_triples",
        command="pytest -m benchmark tests/benchmarks/test_scaling_triples.py",
        seed="0",
        lines=[
            "1,000 random (published network, budget of 5 % to 800 % of its MACs or parameters, rule of "
            "compound, fast_compound, tinynet); tinynet only shrinks.",
            "",
            f"* {len(shares)} scaled, {refused} refused: not even the narrowest network of the rule fits",
            f"* within the budget: {np.mean(np.array(shares) <= 1):.1%}",
            f"* of those, between 98 % and 100 % of it: {np.mean(np.array(shares) >= 0.98):.1%}, "
            f"least {min(shares):.4f}, mean {np.mean(shares):.4f}",
        ],
    )
    assert 0.98 <= min(shares) <= max(shares) <= 1
