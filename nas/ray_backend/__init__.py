"""Runs trainings on Ray Tune, on this machine or a cluster."""
