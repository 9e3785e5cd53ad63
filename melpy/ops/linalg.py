"""The functions of matrices, under the name of ``keras.ops.linalg``."""

# ruff: noqa: F403
from melpy.ops.decomposing import *
from melpy.ops.determinants import *
from melpy.ops.solving import *
from melpy.ops.systems import *
from melpy.ops.vectors import norm as norm
