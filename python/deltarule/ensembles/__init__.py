"""Many networks: trained together, several that predict together, one searched for.

`Ensemble` is the weighted mean of networks, which `Ensemble.select` chooses by data held out.
"""

from deltarule.ensembles.ensemble import Ensemble

__all__ = ["Ensemble"]

# Where users find it, and where pickles of any age look for it.
Ensemble.__module__ = __name__
