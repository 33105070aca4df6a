"""What a sweep leaves behind: findings, answers, sample pictures, and the page."""

from pathlib import Path
from typing import TYPE_CHECKING

from vstain_bench.base.jobs import JobFolder
from vstain_bench.errors import UsageError
from vstain_bench.judge.stress.findings import Findings, read_findings

if TYPE_CHECKING:
    import pandas as pd


class StressFolder(JobFolder):
    """Names and access of the files of one sweep.

    ``stress.json`` (the findings), ``answers.parquet`` (one row per metric, condition and tile), ``samples/`` (PNG:
    what each perturbation does to one tile), ``report.html``, ``journal.sqlite``.
    """

    job = "sweep"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.findings = path / "stress.json"
        self.answers = path / "answers.parquet"
        self.samples = path / "samples"
        self.report = path / "report.html"
        self.journal = path / "journal.sqlite"

    def read(self) -> Findings:
        """Return the findings.

        Raises:
            UsageError: the folder holds no finished sweep.
            InputError: stress.json cannot be understood.
        """
        if not self.findings.is_file():
            unfinished = self.journal.is_file()
            raise UsageError(
                where=str(self.path),
                found="the sweep is not finished" if unfinished else "no stress.json",
                expected="a folder written by 'vstain-bench stress'",
                next_step="Give the same stress command again: it continues." if unfinished else "",
            )
        return read_findings(self.findings.read_text(encoding="utf-8"), str(self.findings))

    def read_answers(self) -> "pd.DataFrame":
        """Return one row per metric, model, perturbation, severity, seed and tile."""
        import pandas as pd

        return pd.read_parquet(self.answers)

    def sample(self, perturbation: str, severity: float) -> Path:
        """Return where the sample of a perturbation lies; severity 0 is the tile itself."""
        return self.samples / (f"{perturbation}-{severity:g}.png" if severity else "clean.png")
