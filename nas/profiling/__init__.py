"""What a space offers under budgets, and how well short trainings rank its networks."""
