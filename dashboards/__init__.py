"""Presents searches: terminal tables, plotly figures, reports, and notes for the Optuna dashboard."""
