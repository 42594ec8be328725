"""The number of torch's threads is restored, whatever happens meanwhile."""

import pytest
import torch

from trials.torch_threads import torch_threads


def test_the_number_of_threads_is_restored_also_after_an_error():
    before, inside = torch.get_num_threads(), []

    def fails():
        with torch_threads(before + 1):
            inside.append(torch.get_num_threads())
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fails()
    assert inside == [before + 1]
    assert torch.get_num_threads() == before
