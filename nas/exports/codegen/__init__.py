"""Writes one network as one file of plain PyTorch, by lifting the source of its parts.

A network's mixers, blocks and skeleton are lifted from their files (`lifting`), what its architecture
decides is folded into them (`folding`), and they are put together (`merging`, `composing`, `factory`).
"""
