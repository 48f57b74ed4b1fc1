"""Tables: raw columns in, answers out."""

from deltarule.tabular.encoder import MISSING, TableEncoder

__all__ = ["MISSING", "TableEncoder"]

# Where users find them, and where pickles of any age look for them.
TableEncoder.__module__ = __name__
