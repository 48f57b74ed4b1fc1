"""Modules of older versions, where pickles look for classes that live elsewhere now."""
