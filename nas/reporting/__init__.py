"""Collects the findings that reports and the dashboard show of a study, explanations included."""
