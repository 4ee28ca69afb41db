"""What services with compiled kernels share: how kernels are compiled, the threads that they run on, and whether they
are ready. Only `compiled` loads numba, and only whoever needs kernels imports it, where they are used.
"""
