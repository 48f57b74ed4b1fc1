"""Tables: raw columns in, answers out."""

from deltarule.tabular.encoder import MISSING, TableEncoder
from deltarule.tabular.models.explaining.explanation import Explanation
from deltarule.tabular.targets import ClassEncoder, TargetScaler

__all__ = ["MISSING", "ClassEncoder", "Explanation", "TableEncoder", "TargetScaler"]

# Where users find them, and where pickles of any age look for them.
for _kind in (ClassEncoder, Explanation, TableEncoder, TargetScaler):
    _kind.__module__ = __name__
