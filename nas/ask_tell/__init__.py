"""Which network is trained next, and what came of it: asks the study and tells it."""
