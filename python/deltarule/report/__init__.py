"""One page on a model: what was asked, what came of it, and what would make one distrust it.

A model's room makes a `Subject`; ``facts`` makes numbers of it, ``checks`` look at these,
``drawing`` and ``page`` put them on a page.
"""
