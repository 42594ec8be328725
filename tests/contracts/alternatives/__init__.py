"""One small alternative of each kind, as another package would write it; see test_adding_one."""
