"""Where the links of a message lead."""

from collections.abc import Callable

from opsloop.dataclass import dataclass


@dataclass(frozen=True)
class Places:
    """Where links lead. Each may be empty: then there is no such link.

    ``console`` and ``api`` are URLs without a slash at their end, ``runbooks`` the URL of the folder of our pages;
    ``runbook_of`` gives the page of a service.
    """

    console: str
    api: str
    runbooks: str
    runbook_of: Callable[[str], str]
