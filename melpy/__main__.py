"""``python -m melpy``: the command line, where the script is not on the path."""

import sys

from melpy.cli import main

sys.exit(main())
