"""What Optuna's own tables have no place for: latency measurements and exports, in the same database."""
