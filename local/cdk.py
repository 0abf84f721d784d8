"""The CDK CLI for people and CI: `python -m local.cdk deploy --all -c stage=prod`, against AWS.

Account, region and credentials come from the environment, as with any AWS tool.
"""

import os
import sys

from local.console import StepFailedError
from local.state import ROOT, TOOLS, StateDir
from local.steps.tools import cdk_command, cdk_environment, ensure_cdk


def main() -> None:
    """Replace this process by the CDK CLI with the arguments given."""
    try:
        ensure_cdk(StateDir(TOOLS))
    except StepFailedError as failure:
        failure.show()
        sys.exit(1)
    command = [str(part) for part in (*cdk_command(), *sys.argv[1:])]
    os.chdir(ROOT)
    os.execve(command[0], command, cdk_environment())  # noqa: S606 (our own Node, an argument list)


if __name__ == "__main__":
    main()
