"""What a model of a table goes by: which columns matter, and to each prediction how much."""
