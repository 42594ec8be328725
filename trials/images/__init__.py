"""Decodes, splits, fingerprints and caches labelled images."""
