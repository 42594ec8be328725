"""Reads images, trains one network on them and measures its latency."""
