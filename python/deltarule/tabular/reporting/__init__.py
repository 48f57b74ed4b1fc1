"""A model of a table, as a report takes it."""
