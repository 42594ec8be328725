"""What a report page shows of a study, gathered from its trials, and kept up to date."""
