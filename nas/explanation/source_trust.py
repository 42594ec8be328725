"""Says how far the trained networks of a study bear out what was expected of them beforehand."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from dashboards.explanation import Share, Trust
from nas.bayesopt.problem import Source, TransferSource
from nas.bayesopt.proposer import Proposer
from nas.bayesopt.scoring import inputs
from nas.explanation.evidence import LOWEST, Evidence

_STEPS: Final = 40  # maximum number of iterations of the fit
_DRAWS: Final = 2000  # of the slopes
_NETWORKS: Final = 512  # over which variances are computed
_WIDE: Final = 0.5  # width of an interval from which a share is not identified


def source_trusts(
    evidence: Evidence, sources: Sequence[Source | TransferSource], rng: np.random.Generator, *, seed: int
) -> tuple[Trust, ...]:
    """Return the trust in each source, the largest share of the variance first.

    The surrogate is fitted with all sources at once, as the search does, so that one that only repeats
    another or the factors is trusted little. Sources that do not tell networks apart are left out.

    Args:
        evidence: Trained networks.
        sources: What the search knew of networks before they were trained.
        rng: Generator of the networks over which variances are computed, and of the intervals.
        seed: Seed of the study.
    """
    proposer = Proposer.of(evidence.region, seed, sources)
    if proposer.sources is None:
        return ()
    seen = inputs(proposer.region, evidence.rows, evidence.fidelity)
    rising = proposer.sources.rising
    posterior = proposer.surrogate.fitted(seen, evidence.values, None, _STEPS, rising, lowest=LOWEST)
    mean, covariance = posterior.slopes()
    networks = inputs(proposer.region, proposer.region.draw(rng, _NETWORKS))
    expected, deviation = posterior.predict(networks)
    total = float(expected.var() + (deviation**2).mean())
    assert networks.evidence is not None
    spread = networks.evidence.var(axis=0)
    draws = rng.multivariate_normal(mean, covariance, _DRAWS, method="eigh")
    shares = np.minimum(draws**2 * spread / max(total, 1e-18), 1.0)
    low, high = np.quantile(shares, [0.025, 0.975], axis=0)
    found = [
        Trust(
            source=source.name,
            of_value=source.of_value,
            slope=float(mean[j]),
            error=float(covariance[j, j] ** 0.5),
            share=Share(
                mean=float(shares[:, j].mean()),
                low=float(low[j]),
                high=float(high[j]),
                identified=bool(high[j] - low[j] <= _WIDE),
            ),
        )
        for j, source in enumerate(proposer.sources.sources)
    ]
    return tuple(sorted(found, key=lambda trust: -trust.share.mean))
