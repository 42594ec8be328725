"""The database: connection, Optuna's storage, our tables of latencies, exports, drivers and leases."""
