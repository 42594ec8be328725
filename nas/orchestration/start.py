"""What a retraining starts from, besides random weights and those of the search, as it is stored."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from search_spaces.units import format_accuracy

_KEY: Final = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a training starts from.

    Attributes:
        source: The source as it was asked for.
        words: What it is, in words that follow "starts from".
        metric: Metric of the search.
        value: The metric of these weights on the validation images; None if it is not known.
        standard_error: Its standard error.
        licence: Licence of the weights as their source states it; None if it states none.
        remark: Where they come from and what of them is new; empty for nothing.
        donor: What is to be known of the donor, see `trials.pretrained.donor_file.donor_facts`; None for
            none.
    """

    source: str
    words: str
    metric: str
    value: float | None = None
    standard_error: float | None = None
    licence: str | None = None
    remark: str = ""
    donor: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)

    @property
    def line(self) -> str:
        """What it is, and what these weights reach before they are trained."""
        remark = f" ({self.remark})" if self.remark else ""
        if self.value is None:
            return f"starts from {self.words}{remark}"
        reached = format_accuracy(self.value, self.standard_error)
        return f"starts from {self.words}, {reached} on validation images before it trains"


def write_start(path: Path, tensors: Mapping[str, Tensor], start: Start) -> None:
    """Write initial weights with what they are."""
    save_file(dict(tensors), path, metadata={_KEY: json.dumps(start.to_json(), sort_keys=True)})


def read_start(path: Path) -> Start:
    """Return what the initial weights in a file are."""
    with safe_open(path, framework="pt") as file:
        return Start(**json.loads((file.metadata() or {})[_KEY]))
