"""Melpy Lab: a page where one steps through one's own network, forward and backward.

    session     a model, its samples, and what was asked of them
    samples     the samples that a model is shown
    traces      one batch, forward and backward, and the optimizer's step, as JSON and raw arrays
    convolution, pooling    one layer taken apart, small enough to be drawn
    pack        arrays as raw bytes, and a directory of them
    asked       what a page may ask
    gate        who may ask
    recording   a session as files, for pages without a server
    server      the routes, and the address
    live ...    training to watch, to pause, to take back and to break
    static/     the page: plain modules, to be read too

It stands where the commands stand: `melpy.cli` alone imports it, when it is asked for.
"""
