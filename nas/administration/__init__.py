"""Lists, renames, deletes and checks studies."""
