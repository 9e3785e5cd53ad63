"""`melpy.schedules`, where Keras has it."""

from melpy.schedules import *  # noqa: F403
from melpy.schedules import __all__  # noqa: F401
