"""Pretrained weights: what a donor is, whose parameter names it uses, and what other networks take of it."""
