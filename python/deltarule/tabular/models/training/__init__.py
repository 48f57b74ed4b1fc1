"""How a model of a table is trained: which rows are held out, what is drawn, and what is kept."""
