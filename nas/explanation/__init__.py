"""Factors: what a study's surrogate has learnt of them, in numbers a person can act on."""
