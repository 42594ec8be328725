"""Makes a family of one network: larger and smaller ones for a list of budgets, by a rule."""
