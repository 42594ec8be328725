"""The number of torch's threads is that of one thread, and restored, whatever happens meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from nas.surrogates.torch_threads import torch_threads


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


def test_another_thread_sees_nothing_of_it_also_one_that_begins_meanwhile():
    before = torch.get_num_threads()
    entered, leave = threading.Event(), threading.Event()

    def changes():
        with torch_threads(before + 3):
            entered.set()
            leave.wait(10)
        return torch.get_num_threads()

    with ThreadPoolExecutor() as pool:
        changing = pool.submit(changes)
        entered.wait(10)
        seen_meanwhile = [torch.get_num_threads(), pool.submit(torch.get_num_threads).result()]
        leave.set()
        assert seen_meanwhile == [before, before]
        assert changing.result() == before
    assert torch.get_num_threads() == before


def test_blocks_of_two_threads_that_overlap_restore_what_was_before():
    before = torch.get_num_threads()
    both = threading.Barrier(2)

    def changes(count):
        both.wait(10)
        with torch_threads(count):
            both.wait(10)
            inside = torch.get_num_threads()
            both.wait(10)
        return inside, torch.get_num_threads()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(changes, [1, 7])) == [(1, before), (7, before)]
    assert torch.get_num_threads() == before
