"""Runs trainings on Ray Tune, on this machine or a cluster."""

from nas.ray_backend.ray_process import have_home

have_home()
