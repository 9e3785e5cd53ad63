"""The compiled kernels: twins of `melpy.kernels.spec` in Numba, held to it by tests.

Each public function takes what its twin takes and gives what it gives. Inside, it makes arrays
contiguous, cuts the batch into blocks and lets the team of `melpy.kernels.threads` run them. A
type that the compiled loops are not made for goes to the specification.
"""
