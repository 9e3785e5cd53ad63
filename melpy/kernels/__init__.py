"""Kernels: plain arrays in, plain arrays out; no classes, no tensors.

`spec` is the specification in NumPy, to be read. `compiled` holds the same functions in Numba,
tested against it. `dispatch` chooses; `threads` is the one place that runs work on several cores.
"""
