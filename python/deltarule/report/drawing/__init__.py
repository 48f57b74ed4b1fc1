"""Drawings of a report, as SVG that stands in a page: its colours are the page's."""
