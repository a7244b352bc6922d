"""The command line: ``liveness``, or ``python -m liveness``."""

import os
import sys


def main() -> None:
    """Run the command line."""
    # Before numpy is imported: between two products of matrices its threads wait at full speed, and a review would
    # take two cores for the work of one.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from liveness import cli

        cli.main()
    except (KeyboardInterrupt, ImportError) as error:
        # It came before the command line was there to look, or while it ended. Compiled libraries report an interrupt
        # as an import that failed, when it comes while they are being loaded.
        if isinstance(error, ImportError) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        sys.stderr.write("interrupted; nothing half-written is left behind\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
