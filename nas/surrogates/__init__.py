"""Surrogates: Gaussian processes (GPyTorch) that stand for what is dear to measure.

A file binds ``SURROGATE``. It is told of its inputs as plain data and knows no sampler and no study.
"""
