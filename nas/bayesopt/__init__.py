"""Bayesian optimisation over architecture factors: the numerics under the samplers."""
