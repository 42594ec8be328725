"""Whether networks meet a latency budget: predicted, measured, remembered."""
