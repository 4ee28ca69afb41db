"""The block engine: tag values as containers of 65,536 persons each, and rules as short programs over them.

Pure: NumPy arrays and numba kernels; only `live.files` reads and writes the disk. Importing a module of this package
loads numba; whoever needs the engine imports it where it is used.
"""
