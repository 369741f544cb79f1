"""What is done with a translation: stored as entries, previewed, replayed, imported from files."""
