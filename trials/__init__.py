"""Tries: trains and times one network and says how good it was."""
