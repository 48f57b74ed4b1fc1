"""Where pickles of older versions look for these."""

from deltarule._training.rate_range import LearningRateRange as LearningRateRange
