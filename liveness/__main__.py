"""Run the command line as ``python -m liveness``."""

import sys

try:
    from liveness.cli import main

    main()
except KeyboardInterrupt:
    # It came before the command line was there to look, or while it ended.
    sys.stderr.write("interrupted; nothing half-written is left behind\n")
    sys.exit(130)
