"""Coordinates several drivers (search processes) on one study: locks, leases on trials, heartbeats."""
