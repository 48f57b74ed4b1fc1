"""Tables out of files: for the command, which is told a file's name and nothing else.

polars holds what is read, and reads Parquet and Arrow; it is imported when a table is opened.
"""
