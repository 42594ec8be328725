"""One search from its plan to its winner, and the retraining of winners."""
