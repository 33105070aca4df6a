"""Which patient or slide a tile belongs to, and its label: from the layout's names, a pattern, or a table."""

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vstain_bench.errors import InputError, UsageError
from vstain_bench.tiles.layouts.definition import LAYOUTS, Layout, Name

Tag = Literal["group", "label"]


@dataclass(frozen=True)
class TagRule:
    """How one tag is found: ``layout``, ``none``, ``regex:PATTERN`` (its first group) or a CSV file's path."""

    tag: Tag
    text: str = "layout"

    @property
    def option(self) -> str:
        """The option this rule was given with."""
        return f"--{self.tag}s"

    def reader(self, names: Mapping[str, Name], from_key: Callable[[str], Name | None]) -> Callable[[str], str | None]:
        """Return the function from a tile's key to its tag; ``names`` and ``from_key`` serve the rule ``layout``."""
        if self.text == "none":
            return lambda key: None
        if self.text == "layout":
            return lambda key: self._of(names[key] if key in names else from_key(key))
        if self.text.startswith("regex:"):
            return self._by_pattern(self.text.removeprefix("regex:"))
        return self._by_table(Path(self.text))

    def _of(self, name: Name | None) -> str | None:
        return (name.group if self.tag == "group" else name.label) if name else None

    def _by_pattern(self, text: str) -> Callable[[str], str]:
        try:
            pattern = re.compile(text)
        except re.error as fault:
            raise UsageError(where=self.option, found=f"bad pattern '{text}': {fault}") from fault
        if pattern.groups < 1:
            raise UsageError(
                where=self.option,
                found=f"'{text}' captures nothing",
                expected="one group in parentheses, e.g. ^([^_]+)_",
            )

        def read(key: str) -> str:
            match = pattern.search(key)
            if not match or match[1] is None:
                raise InputError(
                    where=f"tile '{key}'", found=f"its {self.tag} is not found by {self.option} 'regex:{text}'"
                )
            return str(match[1])

        return read

    def _by_table(self, path: Path) -> Callable[[str], str | None]:
        if not path.is_file():
            raise UsageError(
                where=self.option,
                found=f"'{self.text}' is neither a rule nor a file",
                expected=f"layout, none, regex:PATTERN, or a CSV file with the columns tile,{self.tag}",
            )
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = list(csv.DictReader(stream))
        if not lines or "tile" not in lines[0] or self.tag not in lines[0]:
            raise UsageError(where=f"{self.option} {path}", found="wrong columns", expected=f"tile,{self.tag}")
        table = {line["tile"]: line[self.tag] or None for line in lines}

        def read(key: str) -> str | None:
            if key not in table:
                raise InputError(where=f"tile '{key}'", found=f"it has no line in {self.option} {path}")
            return table[key]

        return read


def recognise(keys: Iterable[str]) -> Layout | None:
    """Return the data set whose naming all keys follow, or None: names alone, wherever the folders lie."""
    known = tuple(keys)
    for name in LAYOUTS.names():
        layout = LAYOUTS[name]
        if layout.kind == "dataset" and known and all(layout.read_name(key) for key in known):
            return layout
    return None
