"""What an output of a gate is: a verdict as text, in the format that one reader understands."""

from collections.abc import Callable
from dataclasses import dataclass

from vstain_bench.base.registry import Registry
from vstain_bench.results.verdict import Verdict


@dataclass(frozen=True)
class Output:
    """One format: its name, who reads it, and the function that renders a verdict."""

    name: str
    summary: str
    render: Callable[[Verdict], str]


OUTPUTS: Registry[Output] = Registry("gate format")
