"""Presets: thresholds that a team can switch on in the catalog, beside what the detector finds by itself.

====================  =====================================  =====================================
preset                warning                                critical
====================  =====================================  =====================================
``error_rate``        error ratio 5 times the expected       25 times
``p95``               p95 1.5 times the expected             3 times
``pool``              a connection pool 80 % in use          90 %
``disk``              a file system 90 % full
``service_down``                                             nothing heard, or every request failed
====================  =====================================  =====================================

Those that compare with what is expected need a history, and keep to the floors of requests and of the absolute margin.
"""

import numpy as np
from numpy.typing import NDArray

from opsloop.anomaly.policy import PRESETS, Rules

NONE, WARNING, CRITICAL = 0, 1, 2
ERROR_RATE = (5.0, 25.0)
SLOW = (1.5, 3.0)
POOL = (0.8, 0.9)
DISK = 0.9
DOWN = 0.995
LEAST_EXPECTED_RATIO = 0.001
"""Where hardly anything fails, 5 times nothing is nothing: an expected error ratio counts as at least this."""

Floats = NDArray[np.float64]


def crossed(
    rules: Rules, value: Floats, weight: Floats, expected: Floats, *, is_known: NDArray[np.bool_]
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return per row how severe the preset is that its value crosses, and which one (by its place in ``PRESETS``).

    ``expected`` is used only where ``is_known``. A silent service has value 0 in its ``silence`` row.
    """
    level = np.zeros(len(value), dtype=np.int8)
    which = np.zeros(len(value), dtype=np.int8)
    if not any(flags.any() for flags in rules.presets.values()):
        return level, which
    enough = weight >= rules.requests

    def mark(name: str, is_warning: NDArray[np.bool_], is_critical: NDArray[np.bool_]) -> None:
        found = np.where(is_critical, CRITICAL, np.where(is_warning, WARNING, NONE)) * rules.presets[name]
        which[found > level] = PRESETS.index(name)
        np.maximum(level, found, out=level, casting="unsafe")

    with np.errstate(invalid="ignore"):
        beyond = is_known & enough & (value - expected >= rules.absolute)
        usual = np.maximum(expected, LEAST_EXPECTED_RATIO)
        mark("error_rate", beyond & (value >= ERROR_RATE[0] * usual), beyond & (value >= ERROR_RATE[1] * usual))
        mark("p95", beyond & (value >= SLOW[0] * expected), beyond & (value >= SLOW[1] * expected))
        mark("pool", value >= POOL[0], value >= POOL[1])
        mark("disk", value >= DISK, np.zeros(len(value), dtype=bool))
        is_silence = rules.is_of("silence")
        is_down = np.where(is_silence, is_known & (value == 0), enough & (value >= DOWN))
        mark("service_down", np.zeros(len(value), dtype=bool), is_down)
    return level, which
