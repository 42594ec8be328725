"""Evaluator ``sortednet``: shared weights expect values, all networks learn the labels.

Valipour et al., 2023, https://arxiv.org/abs/2309.00255.
"""

from typing import Final

from nas.evaluators import Evaluator
from nas.evaluators._weight_sharing import weight_sharing

EVALUATOR: Final[Evaluator] = weight_sharing("sorted")
