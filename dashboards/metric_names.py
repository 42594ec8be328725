"""Says metrics in words."""


def metric_name(metric: str) -> str:
    """Return the name of a metric in words, for example ``macro F1``."""
    return metric.replace("_", " ").replace("f1", "F1")
