"""Compares models by leave-one-out errors: the surrogate on factors, on MACs alone, and the mean."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dashboards.explanation import Comparison
from nas.explanation.evidence import LOWEST, Evidence, Floats
from nas.surrogates.factor_gp import FactorGP, Inputs

_MOST: Final = 64  # maximum number of left-out networks, with a fit each
_STEPS: Final = 25  # maximum number of iterations of each fit
_RESAMPLES: Final = 2000


def compared(evidence: Evidence, rng: np.random.Generator) -> Comparison:
    """Return the errors of the three models, with all hyper-parameters fitted without the left-out network.

    All three are the surrogate: with all inputs, with log MACs alone, and without inputs. A network is left
    out with its whole learning curve and predicted at its last epoch.

    Args:
        evidence: Trained networks.
        rng: Generator that chooses up to 64 networks and resamples for the interval.
    """
    chosen = evidence.last
    if len(chosen) > _MOST:
        chosen = np.sort(rng.permutation(chosen)[:_MOST])
    macs = np.log(evidence.macs(evidence.rows))[:, None]
    nothing = np.zeros((len(macs), 0))
    everything = _errors(evidence.surrogate, evidence.inputs, evidence, chosen)
    size, none = (
        _errors(FactorGP([], features), Inputs(nothing, features, evidence.fidelity), evidence, chosen)
        for features in (macs, nothing)
    )
    picks = rng.integers(len(chosen), size=(_RESAMPLES, len(chosen)))
    saved = 1 - _rms(everything[picks]) / np.maximum(_rms(size[picks]), 1e-12)
    low, high = np.quantile(saved, [0.025, 0.975])
    return Comparison(
        networks=len(chosen),
        factors=float(_rms(everything)),
        macs=float(_rms(size)),
        mean=float(_rms(none)),
        low=float(low),
        high=float(high),
    )


def _errors(surrogate: FactorGP, points: Inputs, evidence: Evidence, chosen: NDArray[np.int64]) -> Floats:
    """Return the prediction errors of left-out networks, ``[chosen]``."""
    found = []
    for row in chosen:
        others = evidence.trials != evidence.trials[row]
        posterior = surrogate.fitted(points[others], evidence.values[others], None, _STEPS, lowest=LOWEST)
        found.append(posterior.predict(points[[row]])[0][0] - evidence.values[row])
    return np.array(found)


def _rms(errors: Floats) -> Floats:
    return np.asarray(np.sqrt((errors**2).mean(axis=-1)))
