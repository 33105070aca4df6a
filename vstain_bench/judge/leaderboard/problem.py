"""One problem of a submitted file, in the four parts of every fault."""

from pydantic import Field

from vstain_bench.results.table import FrozenModel


class Problem(FrozenModel):
    """Where it is, what stands there, what should, and what to do."""

    where: str
    found: str
    expected: str
    next_step: str = Field("", description="What to do, where that is not plain from what is expected")

    def __str__(self) -> str:
        return f"{self.where}: {self.found}; expected {self.expected}. {self.next_step}".rstrip()
