"""Colours of all figures and pages, distinct for colour-blind people too (Okabe and Ito, 2008)."""

from typing import Final

CONVOLUTION: Final = "#0072B2"
ATTENTION: Final = "#D55E00"
BEST: Final = "#009E73"
PLAIN: Final = "#56697A"
FAINT: Final = "#B8C2CC"
INK: Final = "#1F2933"
SERIES: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#5A5A5A")
