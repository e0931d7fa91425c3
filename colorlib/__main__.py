"""``python -m colorlib`` is the ``colorlib`` command."""

import sys

from colorlib.cli import main

sys.exit(main())
