"""Scales a network to larger and smaller budgets by a rule, for `nas scale`."""
