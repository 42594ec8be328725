"""A search goes on where networks fail for one reason, and gives up where it is not the networks."""

from nas.ask_tell.failures import FailureCounter

MEMORY = "OutOfMemoryError: the GPU cannot hold network {} with one image: {}.5 GiB are missing"
NAN = "NonFiniteLossError: the loss became nan in step {}"


def test_networks_too_large_for_a_device_do_not_end_a_search():
    counter = FailureCounter(4)
    lines = [counter.failed(MEMORY.format(i, i), 0) for i in range(11)]
    assert lines == [None] * 11
    assert "12 trainings failed" in str(counter.failed(MEMORY.format(99, 99), 0))


def test_one_reason_counts_once_as_long_as_others_train():
    counter = FailureCounter(3)
    for i in range(20):
        assert counter.failed(NAN.format(i), i + 1) is None


def test_many_reasons_end_it():
    counter = FailureCounter(3)
    reasons = (NAN.format(1), MEMORY.format(1, 1), "RuntimeError: shapes differ")
    lines = [counter.failed(reason, 1) for reason in reasons]
    assert lines[:2] == [None, None]
    assert str(lines[2]).startswith("3 trainings failed, the last because of: RuntimeError: shapes differ")


def test_where_nothing_was_ever_trained_it_ends_soon():
    counter = FailureCounter(3)
    lines = [counter.failed("ImportError: no module named shift", 0) for _ in range(3)]
    assert [line is None for line in lines] == [True, True, False]


def test_a_long_row_ends_it_though_networks_trained_before():
    counter = FailureCounter(3)
    lines = [counter.failed(NAN.format(i), 1) for i in range(9)]
    assert [line is None for line in lines] == [True] * 8 + [False]
