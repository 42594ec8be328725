"""Versions of our tables, one file for each migration; a released file is never edited."""
