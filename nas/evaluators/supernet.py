"""Evaluator ``supernet``: shared weights expect values, small networks learn the outputs of a large one."""

from typing import Final

from nas.evaluators import Evaluator
from nas.evaluators._weight_sharing import weight_sharing

EVALUATOR: Final[Evaluator] = weight_sharing("sandwich")
