"""Images are decoded in order by threads, and few of them wait at once if they are large."""

from itertools import islice

import pytest

from trials.images.threads import mapped

PHOTOGRAPH_BYTES = 16 * 2**20


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 5000])
def test_results_keep_the_order(count):
    assert list(mapped(lambda number: 2 * number, range(count))) == [2 * n for n in range(count)]


@pytest.mark.parametrize(("size", "most"), [(PHOTOGRAPH_BYTES, 34), (9, 1040)])
def test_few_images_wait_if_they_are_large(size, most):
    photograph = bytes(size)
    taken = 0

    def photographs():
        nonlocal taken
        for _ in range(1500):
            taken += 1
            yield photograph

    for number, _ in enumerate(islice(mapped(len, photographs()), 200)):
        assert taken - number <= most


def test_an_error_is_raised_in_its_place():
    found = mapped(lambda number: 1 // (112 - number), range(10_000))
    assert len(list(islice(found, 112))) == 112
    with pytest.raises(ZeroDivisionError):
        next(found)
