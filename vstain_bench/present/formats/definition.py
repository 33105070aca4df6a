"""What a report is: the table of a run folder as text, in one format."""

from collections.abc import Callable
from dataclasses import dataclass

from vstain_bench.base.registry import Registry
from vstain_bench.results.folder import RunFolder


@dataclass(frozen=True)
class Report:
    """One format: its name, what it is for, the extension of its file, and the function that renders a run."""

    name: str
    summary: str
    extension: str
    render: Callable[[RunFolder], str]


REPORTS: Registry[Report] = Registry("report")
