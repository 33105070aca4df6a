"""Formats and the figures of a sweep: tables that parse, names that are text, figures beside the very definition."""

import json
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.leaderboard.simulated import HOSTILE, Simulated, write_run
from vstain_bench.base.text import printable
from vstain_bench.cli.main import call
from vstain_bench.judge.leaderboard.board import Leaderboard
from vstain_bench.judge.leaderboard.config import LeaderboardConfig
from vstain_bench.judge.leaderboard.job import make_leaderboard
from vstain_bench.judge.leaderboard.trust import read_trust
from vstain_bench.judge.stress.findings import Equivalent, Estimate, Findings, HalfLife, Monotone, Ordering, Verdict
from vstain_bench.metrics import build
from vstain_bench.present.formats import render
from vstain_bench.present.site import publish_site
from vstain_bench.present.subjects.leaderboard import document


def verdict(metric: str, signature: str, near: float, far: float) -> Verdict:
    """A verdict with ordering rates at 2 and 4 µm, one of them over a single defect beside."""
    rates = [(2.0, None, near), (2.0, "blur", 0.01), (4.0, None, far)]
    return Verdict(
        metric=metric, signature=signature, better="higher", unit="", clean=1.0, floor=0.5, floor_of=None,
        ordering=tuple(
            Ordering(
                displacement_um=at, defect=defect, rate=Estimate(value=rate, low=rate - 0.1, high=rate + 0.1),
                tiles=8, pairs=80,
            )
            for at, defect, rate in rates
        ),
        half_lives=(
            HalfLife(perturbation="rotation", unit="degrees", severity=Estimate(value=9.0), largest=10.0),
            HalfLife(perturbation="translation", unit="µm", severity=Estimate(value=0.75), largest=16.0),
        ),
        equivalents=(
            Equivalent(perturbation="dab_loss", severity=100.0, unit="%", shift_um=Estimate(value=0.5), largest_um=16),
        ),
        monotone=(Monotone(perturbation="blur", share=Estimate(value=0.9), spearman=1.0),),
    )  # fmt: skip


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    folder = tmp_path / "stress"
    folder.mkdir()
    findings = Findings(
        tiles=8, groups=4, mpp=(0.5,), seed=0, perturbed="generated", models=(), conditions=9, unavailable={},
        perturbations=(), sample=None, curves=(),
        verdicts=(
            verdict("ssim", build("ssim").signature, 0.43, 0.21),
            verdict("psnr", "psnr|cmp:generated-real|range:255|v:1", 0.9, 0.8),  # another definition
        ),
    )  # fmt: skip
    (folder / "stress.json").write_text(findings.to_json(), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    models = {name: place / 2 for place, name in enumerate(HOSTILE)}
    run = Simulated(models, labels=("0", '3+"><b>|'), groups=8)
    path = write_run(tmp_path_factory.mktemp("hostile") / "run", run).path
    return make_leaderboard([path], LeaderboardConfig(title="a | *b* <i>")).leaderboard


def test_figures_of_a_sweep_are_those_over_all_defects(sweep: Path) -> None:
    trust = read_trust(sweep)
    assert (trust.tiles, trust.groups, trust.displacements) == (8, 4, (2.0, 4.0))
    ssim = trust.of(build("ssim").signature)
    assert ssim is not None
    assert [(each.displacement_um, each.rate.value) for each in ssim.ordering] == [(2.0, 0.43), (4.0, 0.21)]
    assert (ssim.half_life_um, ssim.erased_um, ssim.worse_if_more) == (0.75, 0.5, 0.9)
    assert trust.of(build("ssim", {"sigma": 2.0}).signature) is None
    assert read_trust(sweep / "stress.json") == trust


def test_figures_stand_above_the_column_of_their_very_definition(sweep: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", Simulated({"a": 0.0, "b": 1.0}, groups=8)).path
    made = make_leaderboard([run], LeaderboardConfig(trust=sweep))
    text = render(document(made.leaderboard), "md")
    assert r"| *right tile first, 2 µm off* | **0.43** \[0.33, 0.53\] | – | – |" in text
    assert r"| *right tile first, 4 µm off* | **0.21** \[0.11, 0.31\] | – | – |" in text
    assert "8 tiles, 4 patients" in text
    assert r"\textit{right tile first, 2 $\mu$m off}" in render(document(made.leaderboard), "latex")
    assert re.search(r"right tile first, 2\s+µm off", render(document(made.leaderboard), "terminal").replace("│", " "))
    page = publish_site(made, tmp_path / "site").read_text("utf-8")
    assert 'class="worse"><span class="value">0.43</span><span class="interval">[0.33, 0.53]</span></td>' in page
    assert 'title="swept with another definition"><span class="none">–' in page
    assert 'title="not swept"><span class="none">–' in page
    assert "erasing all DAB costs as much as 0.5 µm" in page


def test_markdown_has_rectangular_tables_and_shows_names_as_text(hostile: Leaderboard) -> None:
    text = render(document(hostile), "md")
    html = MarkdownIt("commonmark").enable("table").render(text)
    tables = re.findall(r"<table>.*?</table>", html, re.DOTALL)
    assert len(tables) == 1 + 2
    for table in tables:
        rows = re.findall(r"<tr>.*?</tr>", table, re.DOTALL)
        assert {len(re.findall(r"<t[dh][ >]", row)) for row in rows} == {4}
    assert "<img" not in html
    assert "<script" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "<em>b</em>" not in html


def test_latex_escapes_and_balances(hostile: Leaderboard) -> None:
    text = render(document(hostile), "latex")
    plain = re.sub(r"\\[{}\\]", "", text)
    assert plain.count("{") == plain.count("}")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1 + 2
    assert r"\frac" not in text
    assert r"\textbackslash{}frac\{1\}\{0\}" in text
    for line in text[text.index(r"\toprule") : text.index(r"\bottomrule")].splitlines()[1:]:
        if line.endswith(r"\\") and "multicolumn" not in line:
            assert len(re.findall(r"(?<!\\)&", line)) == 3, line


def test_the_terminal_shows_no_control_character(hostile: Leaderboard, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (40, 80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        text = render(document(hostile), "terminal")
        assert not {"\x1b", "\u202e"} & set(text)
        assert max(map(len, text.splitlines())) <= width
    joined = re.sub(r"\s*│.*", "", text)
    assert all(printable(name)[:20] in joined for name in HOSTILE)


def test_json_is_strict_and_returns(hostile: Leaderboard) -> None:
    content = json.loads(hostile.to_json(), parse_constant=lambda word: pytest.fail(f"{word} in strict JSON"))
    assert Leaderboard.model_validate(content) == hostile
    assert content["schema_version"] == "1.1"
    place = next(iter(content["boards"][0]["sections"][0]["entrants"][0]["places"].values()))
    assert set(place) == {"rank", "place", "shared", "low", "high", "leads", "letters", "of"}


def test_the_command_prints_every_format_and_writes_the_site(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", Simulated({"a": 0.0, "b": 1.0}, groups=8)).path
    for name in ("terminal", "md", "latex", "csv", "json", "html"):
        assert call(["leaderboard", str(run), "--format", name, "-q"]) == 0
        assert "ssim" in capsys.readouterr().out
    assert call(["leaderboard", str(run), "--json", "-q", "--out", str(tmp_path / "site"), "--title", "Mine"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["title"] == "Mine"
    assert (tmp_path / "site" / "leaderboard.json").read_text("utf-8") == out
    assert f"Written: {tmp_path / 'site' / 'index.html'}" in err
    assert call(["leaderboard", str(run), "--format", "pdf"]) == 2
    assert "format 'pdf': unknown name" in capsys.readouterr().err
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert call(["leaderboard", str(run), "-q", "--out", str(tmp_path / "file")]) == 6
