"""What a model of a table is worth: scores with their intervals, and what simple models come to."""
