"""`make opensearch`: build OpenSearch and run it on loopback until it is interrupted.

`python -m local.opensearch [--port PORT] [--home DIR] [--heap 512m]`.
"""

import argparse
import os
import sys
from pathlib import Path

from local.opensearch.build import HEAP, BuildFailedError, MissingToolError, command, ensure_built
from local.state import LOOPBACK, TOOLS, free_port


def main() -> None:
    """Replace this process by the node."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=0, help="the port on loopback (a free one)")
    parser.add_argument("--home", type=Path, default=TOOLS / "opensearch", help="where its data lie (%(default)s)")
    parser.add_argument("--heap", default=HEAP, help="memory for Java (%(default)s)")
    parser.add_argument("--build-only", action="store_true", help="build, then end")
    options = parser.parse_args()
    try:
        built = ensure_built()
    except (MissingToolError, BuildFailedError) as error:
        sys.exit(str(error))
    if options.build_only:
        return
    port = options.port or free_port()
    print(f"OpenSearch on http://{LOOPBACK}:{port}, data in {options.home}; Ctrl-C ends it", flush=True)
    words = command(built, options.home.resolve(), port, heap=options.heap)
    os.execvp(words[0], words)  # noqa: S606 (an argument list of our own)


if __name__ == "__main__":
    main()
