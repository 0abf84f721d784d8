"""No search store: a stage may go without one. Every question is answered by why there is no answer."""

from typing import Any, NoReturn

from opsloop.errors import DependencyUnavailableError
from opsloop.search import Standing

WHY = "this stage has no search store: SEARCH_ENDPOINT is empty (docs/search.md)"


class NoSearchStore:
    """Implements ``opsloop.search.SearchStore``: each method but ``standing`` raises."""

    def standing(self) -> Standing:
        """Return that there is none."""
        return Standing(False, WHY)

    def _refuse(self, *_arguments: Any, **_options: Any) -> NoReturn:
        raise DependencyUnavailableError(WHY, retry_after_s=3600)

    prepare = put = search = nearest = count = counts = top = scan = delete = drop = _refuse
