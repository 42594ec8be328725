"""Compares samplers by replaying searches on tables of trained networks, for `nas bench`."""
