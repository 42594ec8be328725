"""`MacsBand`: draws networks of a space whose MACs are uniform over a band.

Uniform draws of networks crowd where a space has most of them. Here the band is cut into windows of equal
width, each that holds a network is drawn equally often, and within it every network is: by the counts of
`search_spaces.budget_counting`, so that no window is too rare to be met.
"""

import itertools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.budget import Budget
from search_spaces.budget_counting import Ways, ways
from search_spaces.costs import format_cost
from search_spaces.errors import NothingFitsError
from search_spaces.pricing import Prices

WINDOWS: Final = 32
_BATCH: Final = 256
_MOST_BATCHES: Final = 64  # of draws from the counts, that find no network before a window counts as empty


class MacsBand:
    """The networks of a space whose MACs lie in a band.

    Args:
        prices: Prices of the space for one kind of image.
        low: Least MACs.
        high: Most MACs.
        windows: Number of windows of equal width, at least 1.

    Raises:
        NothingFitsError: if no network lies in the band.
    """

    def __init__(self, prices: Prices, low: int, high: int, *, windows: int = WINDOWS) -> None:
        self._prices = prices
        least, most = prices.extremes("macs")
        self.low: Final = max(low, least)
        self.high: Final = min(high, most)
        if self.low <= self.high:
            budget = Budget(resource="macs", limit=float(self.high), text=f"{self.high}-MACs")
            self._ways = ways(prices, (budget,))
            self._least = self._ways.least[:, 0]
            edges = np.linspace(self.low - 1, self.high, windows + 1)
            limits = [(int(a), int(b)) for a, b in itertools.pairwise(edges) if int(a) < int(b)]
            rng = np.random.default_rng(0)
            self._windows = [limit for limit in limits if len(self._some(rng, *limit))]
        if self.low > self.high or not self._windows:
            given = f"{format_cost('macs', low)} to {format_cost('macs', high)} MACs"
            raise NothingFitsError(
                f"No network in {prices.codes.name} has {given}: it holds {format_cost('macs', least)} to "
                f"{format_cost('macs', most)}. Choose another band."
            )

    def draw(self, rng: np.random.Generator, n: int, window: int | None = None) -> NDArray[np.int64]:
        """Return `n` rows of codes, [n, codes].

        Args:
            rng: Random generator.
            n: Number of rows.
            window: The one to draw from, of those that hold a network: 0 is the lowest, -1 the uppermost;
                None for all.
        """
        windows = len(self._windows)
        picked = rng.integers(windows, size=n) if window is None else np.full(n, window % windows)
        rows = np.empty((n, len(self._prices.codes.radices)), np.int64)
        for number in np.unique(picked):
            places = np.flatnonzero(picked == number)
            found = self._some(rng, *self._windows[number], wanted=len(places))
            rows[places] = found[np.arange(len(places)) % len(found)]
        return rows

    def _some(self, rng: np.random.Generator, above: int, to: int, *, wanted: int = 1) -> NDArray[np.int64]:
        """Return rows of codes of networks with more than `above` MACs and at most `to`."""
        found: list[NDArray[np.int64]] = []
        missing = wanted
        for _ in range(_MOST_BATCHES):
            codes = self._draw(rng, above, to, max(_BATCH, 2 * missing))
            macs = self._prices.of(codes, "macs")
            codes = codes[(macs > above) & (macs <= to)]
            codes = codes[(self._prices.codes.canonical(codes) == codes).all(axis=1)][:missing]
            found.append(codes)
            missing -= len(codes)
            if missing == 0:
                break
        return np.concatenate(found)

    def _draw(self, rng: np.random.Generator, above: int, to: int, n: int) -> NDArray[np.int64]:
        """Return rows of codes between two limits on MACs, and some just outside of them."""
        table: Ways = self._ways
        bins = table.bin_count
        width = np.maximum(self.high - self._least, 1) / bins
        stages = len(table.bins)
        # Each stage's bin is rounded down, so that a sum of bins may be too small by one for each stage.
        top = np.minimum(np.floor((to - self._least) / width).astype(np.int64), bins)
        floor = np.floor((above - self._least) / width).astype(np.int64) - stages
        return table.draw_between(rng, n, floor, top)
