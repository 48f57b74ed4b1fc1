"""Models of tables: raw rows in, labels or numbers out."""
