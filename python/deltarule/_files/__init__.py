"""The package's own files: safe to write, safe to read."""
