"""Models as ONNX files, for other programs to run.

    observer    who watches a model run, op by op
    inputs      what it takes, and arrays to watch it with
    story       several runs laid over each other: what they do for any sizes
    writing     each op by its rule, all that cannot be said at once
    rules/      what an op is in ONNX, rooms by the ops' own
    passes      what makes a graph small: axes turned twice
    exporting   the whole, and file: the bytes

So a layer needs no rule: whatever it is made of ops of has them all, one's own layers too.
"""

from melpy.saving.onnx_export.exporting import export

__all__ = ["export"]
