"""Raw tables, opened: whatever library a column is from, it is one of few things here."""
