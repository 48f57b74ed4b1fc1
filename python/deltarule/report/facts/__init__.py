"""Numbers of a report: counts, scores and curves, none of which is a row's."""
