"""No garbage collection during a cold start: importing this puts it off, ``finish`` switches it on again.

    import opsloop.cold_start  # isort puts it before the imports that it is for
    ...
    opsloop.cold_start.finish()  # after the wiring

Imports make tens of thousands of objects that stay: looking through them for garbage, again and again as they grow, is
a tenth of a cold start. They are then put aside for good, so that no later collection looks at them either.
"""

import gc

gc.disable()


def finish() -> None:
    """Put aside all there is, and collect garbage from here on."""
    gc.freeze()
    gc.enable()
