"""Compiled kernels over events in order of (person, time, ingest sequence): the same answers as the arrays' way, on all
processors and without the GIL.

Importing a module of this package but `loading` loads numba: whoever can do without imports it where it is used.
"""
