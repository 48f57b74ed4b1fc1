"""Those who learn a table."""
