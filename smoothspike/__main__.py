"""Run the command line with `python -m smoothspike`."""

import sys

from .cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
