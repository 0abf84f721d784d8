"""Which settings may be shown: names of things. Secrets travel as names; what looks like one all the same is hidden."""

import re
from collections.abc import Mapping

HIDDEN = "(hidden)"
_SECRET_NAME = re.compile(r"(SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_KEY)")
_NAMES_OF_SECRETS = ("SECRET_PREFIX", "SECRET_NAME")
_USER_IN_URL = re.compile(r"(?<=://)[^/@\s]*@")
_KEY_OF_OURS = re.compile(r"opsloop_[0-9a-f]{12}_[0-9a-f]{64}")
_ACCOUNT = re.compile(r"(?<=:)\d{12}(?=:)")
OF_THE_RUNTIME = frozenset({"POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME", "OPENBLAS_NUM_THREADS"})


def shown_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a function for people: without what the runtime sets, and without secrets.

    A variable whose name says that it is a secret is hidden, unless it is the name or prefix of one; so are users and
    passwords in URLs, keys of ours, and account ids in ARNs, wherever they stand.
    """
    return {name: _shown(name, value) for name, value in sorted(environment.items()) if name not in OF_THE_RUNTIME}


def _shown(name: str, value: str) -> str:
    if _SECRET_NAME.search(name) and not name.endswith(_NAMES_OF_SECRETS):
        return HIDDEN
    for pattern in (_USER_IN_URL, _KEY_OF_OURS):
        value = pattern.sub(HIDDEN + ("@" if pattern is _USER_IN_URL else ""), value)
    return _ACCOUNT.sub("(account)", value)
