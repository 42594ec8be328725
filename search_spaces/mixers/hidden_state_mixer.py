"""Hidden-state mixer of EfficientViM: positions are gathered in a few states, these mixed and handed back.

Lee et al., 2024, https://arxiv.org/abs/2411.15241, HSM-SSD: b, c and dt = depthwise(W x), a = softmax(dt +
A) over the positions, h = x (a * b)ᵀ, then h' = W_out (W_h h * silu(W_z h) + D W_h h) and y = h' c. It is
linear in the positions, and all pointwise convolutions but the first run on the states alone. Deviation: as
many inner channels as outer ones, as in the paper's networks, and no batch of states for the classifier.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class HiddenStateMixer(nn.Module):
    """Mixes all positions by way of `states` states of all channels."""

    kind = "attention"

    def __init__(self, channels: int, *, states: int = 16) -> None:
        super().__init__()
        if states < 1:
            raise ValueError(f"hidden_state_mixer got {states} states: expected at least 1")
        self.states = states
        self.decay = nn.Parameter(torch.empty(states, 1, 1).uniform_(1, 16))
        self.skip = nn.Parameter(torch.ones(1))
        self.project_in = nn.Conv2d(channels, 3 * states, 1, bias=False)
        self.near = nn.Conv2d(3 * states, 3 * states, 3, padding=1, groups=3 * states, bias=False)
        self.mix = nn.Conv2d(channels, 2 * channels, 1, bias=False)
        self.project = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gather, hand_back, step = self.near(self.project_in(x)).split(self.states, dim=1)  # [b, s, h, w]
        weights = (step + self.decay).flatten(2).softmax(dim=-1) * gather.flatten(2)  # [b, s, n]
        states = x.flatten(2) @ weights.transpose(1, 2)  # [b, c, s]
        y, gate = self.mix(states.unsqueeze(3)).chunk(2, dim=1)  # [b, c, s, 1]
        states = self.project(y * F.silu(gate) + y * self.skip)
        return (states.flatten(2) @ hand_back.flatten(2)).reshape_as(x)

    @staticmethod
    def segments(channels: int, *, states: int) -> dict[tuple[str, int], tuple[int, ...]]:
        """Return the parts of the weights: states and their gate."""
        del states
        return {("mix.weight", 0): (channels, channels)}

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, states: Any) -> Any:
        """Write the layers that run."""
        del deploy
        c, one = x.channels, x.height // x.height
        parts = tape.conv(x, 3 * states)
        parts = tape.parameter(tape.conv(parts, 3 * states, 3, groups=3 * states), states + 1)
        products = c * states * x.positions * x.copies
        row = tape.view(x, channels=c, height=one * states, width=one, copies=x.copies)
        mixed = tape.conv(tape.matmul((row, parts), c, products), 2 * c)
        mixed = tape.conv(tape.part(mixed, c), c)
        return tape.matmul((tape.part(parts, states), mixed), c, products)


MIXER = HiddenStateMixer
