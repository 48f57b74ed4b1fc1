"""Where pickles of older versions look for these."""

from deltarule.errors import ModelFileError as ModelFileError
