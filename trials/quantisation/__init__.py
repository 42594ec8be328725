"""Quantises trained networks to int8 as exports do, and runs them so."""
