"""One file for each change of our tables; a released one is never edited."""
