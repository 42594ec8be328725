"""Shares weights between the networks of a space: each network is a slice of common tensors."""

from search_spaces.elastic.shared_weights import SharedWeights as SharedWeights
