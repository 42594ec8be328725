"""What a study stores: its settings, its trials, its results, and the names it goes by."""
