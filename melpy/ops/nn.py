"""The functions of networks, under the name of ``keras.ops.nn``."""

# ruff: noqa: F403
from melpy.ops.activations import *
from melpy.ops.conv import *
from melpy.ops.crossentropy import *
from melpy.ops.ctc import *
from melpy.ops.curves import *
from melpy.ops.depthwise import *
from melpy.ops.encoding import *
from melpy.ops.gates import *
from melpy.ops.pooling import *
from melpy.ops.shrinking import *
from melpy.ops.statistics import *
