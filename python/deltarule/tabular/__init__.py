"""Tables: raw columns in, answers out."""

from deltarule.tabular.encoder import MISSING, TableEncoder
from deltarule.tabular.targets import ClassEncoder, TargetScaler

__all__ = ["MISSING", "ClassEncoder", "TableEncoder", "TargetScaler"]

# Where users find them, and where pickles of any age look for them.
for _kind in (ClassEncoder, TableEncoder, TargetScaler):
    _kind.__module__ = __name__
