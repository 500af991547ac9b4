"""Lists without counting: a page and the next one."""

from functools import cached_property
from typing import Any

from unfold.paginator import InfinitePaginator as Uncounted

ROWS_MAX = 10_000  # reached by paging; whoever looks for more filters or searches


class InfinitePaginator(Uncounted):  # unfold's templates know it by this name
    """Never counts the table. Pages end at ROWS_MAX, because OFFSET reads everything before it."""

    @cached_property
    def count(self) -> int:
        return ROWS_MAX

    def page(self, number: Any) -> Any:
        return self._get_page(self.object_list[self._bounds(number)], self.validate_number(number), self)

    def _bounds(self, number: Any) -> slice:
        bottom = (self.validate_number(number) - 1) * self.per_page
        return slice(bottom, bottom + self.per_page)
