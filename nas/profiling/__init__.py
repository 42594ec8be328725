"""Profiles a search space under budgets, and the rank agreement of short and full trainings."""
