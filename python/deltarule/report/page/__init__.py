"""The page: sections in their order, one file each, in one HTML file that asks for nothing."""
