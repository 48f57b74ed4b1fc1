"""Networks and estimators, and some rows, as what a report is made of."""
