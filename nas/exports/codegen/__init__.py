"""Generates one file of plain PyTorch for one network, from the source of its parts.

The classes of a network's mixers, blocks and skeleton are extracted from their files (`extract`). The values
that its architecture fixes are folded into them (`specialise`, `constant_folding`). The results are merged
into one module (`merge`, `network_class`, `factory_function`, `module_source`).
"""
