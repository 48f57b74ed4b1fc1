"""A search: what is drawn, how long it trains, and what becomes of it."""
