"""Compares a delivered network with published ones: all are trained by one recipe, seeds and images."""
