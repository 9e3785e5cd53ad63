"""``python -m melpy``: the command line, where its script is not on the path."""

import sys

from melpy.cli import main

if __name__ == "__main__":
    sys.exit(main())
