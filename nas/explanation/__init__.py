"""Explains studies by factors: effects, variance shares and best settings under the surrogate."""
