"""Decides: which architectures to try, in which order, and what to hand to the user."""
