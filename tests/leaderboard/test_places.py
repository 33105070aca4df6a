"""Who is ranked with whom: sections that compare, places that are shared, and every refusal with its reason."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.leaderboard.simulated import Simulated, write_run
from vstain_bench.cli.main import call
from vstain_bench.errors import InputError, UsageError
from vstain_bench.judge.evidence import Evidence
from vstain_bench.judge.leaderboard.board import Leaderboard, Section
from vstain_bench.judge.leaderboard.config import LeaderboardConfig
from vstain_bench.judge.leaderboard.job import Made, make_leaderboard
from vstain_bench.present.formats import render
from vstain_bench.present.subjects.leaderboard import document
from vstain_bench.results.folder import RunFolder
from vstain_bench.stats.family import pairwise, told_apart
from vstain_bench.stats.paired import group_means
from vstain_bench.stats.places import positions

CLEAR = {"weak": 0.0, "strong": 4.0, "middle": 2.0}


def board(*paths: Path, request: LeaderboardConfig = LeaderboardConfig()) -> Leaderboard:  # noqa: B008  (a frozen value)
    return make_leaderboard(paths, request).leaderboard


def sections(leaderboard: Leaderboard) -> list[Section]:
    return [section for each in leaderboard.boards for section in each.sections]


def places(section: Section, metric: str) -> dict[str, tuple[int, bool, int, int]]:
    found = {each.title: each.places[metric] for each in section.entrants if metric in each.places}
    return {title: (place.place, place.shared, place.low, place.high) for title, place in found.items()}


def test_models_that_differ_clearly_stand_in_their_order_whatever_the_runs(tmp_path: Path) -> None:
    together = write_run(tmp_path / "all", Simulated(CLEAR, controls=False)).path
    apart = [
        write_run(tmp_path / name, Simulated({name: quality}, controls=False)).path for name, quality in CLEAR.items()
    ]
    for paths in ([together], apart, apart[::-1]):
        (section,) = sections(board(*paths))
        for metric in ("ssim", "psnr", "fd_random"):
            assert places(section, metric) == {
                "strong": (1, False, 1, 1), "middle": (2, False, 2, 2), "weak": (3, False, 3, 3)
            }, metric  # fmt: skip
        assert [each.title for each in section.entrants] == ["strong", "middle", "weak"]


def test_places_are_those_of_the_statistics(tmp_path: Path) -> None:
    """The numbers of the leaderboard against the functions of stats/, fed from the parquet file by hand."""
    path = write_run(tmp_path / "run", Simulated({"a": 0.0, "b": 0.1, "c": 0.35, "d": 0.4}, metrics="ssim")).path
    (section,) = sections(board(path))
    frame = pd.read_parquet(path / "tiles.parquet")
    wide = frame.pivot_table(index="model", columns="tile", values="value")
    values = wide.loc[["a", "b", "c", "d"]].to_numpy()
    groups = np.array([tile.partition("_")[0] for tile in wide.columns])
    means = np.stack([group_means(row, groups).means for row in values])
    expected = positions(values.mean(axis=1), told_apart(pairwise(means, 0)), better="higher")  # 12 patients: exact
    own = {each.title: each.places["ssim"] for each in section.entrants}
    for name, found in zip("abcd", expected, strict=True):
        place = own[name]
        assert (place.rank, place.place, place.low, place.high) == (found.rank, found.place, found.place, found.last)
        assert (place.leads, place.letters) == (found.leads, found.letters)
    assert {place.of for place in own.values()} == {4}
    assert len({place.place for place in own.values()}) < 4, "the premise: some are shared"


def test_few_patients_share_every_place_and_the_page_says_why(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", Simulated(CLEAR, metrics="ssim", groups=5)).path
    leaderboard = board(path)
    assert {each[:2] for each in places(sections(leaderboard)[0], "ssim").values()} == {(1, True)}
    text = " ".join(render(document(leaderboard), "terminal").split())
    assert "5 patients can never tell 3 models apart by values of tiles: that takes 6 patients at least" in text
    assert "share the first place: these 5 patients do not tell them apart" in text


# What differs between two runs, and how it is told (Shows 5).
APART = [
    ({"metrics": "ssim(sigma=2.0),psnr,fd_random"}, "ssim: sigma is 1.5 in one and 2.0 in other"),
    ({"metrics": "ssim,psnr(mean='mse'),fd_random"}, ""),  # a parameter that does not exist: refused elsewhere
    ({"tiles_seed": 1}, "both have 36 tiles, but not the same ones"),
    ({"groups": 11}, "36 tiles in one and 33 in other"),
    ({"labels": ("0", "1+")}, "label '3+' has 12 tiles in one and 0 in other"),
]


@pytest.mark.parametrize(("changed", "expected"), [case for case in APART if case[1]], ids=lambda case: str(case)[:40])
def test_runs_that_differ_are_never_ranked_together(
    changed: dict[str, object], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = write_run(tmp_path / "one", Simulated({"a": 0.0, "b": 1.0})).path
    other = write_run(tmp_path / "other", Simulated({"c": 2.0}, **changed)).path  # type: ignore[arg-type]  # a table
    first, second = sections(board(one, other))
    assert {each.title for each in first.entrants} == {"a", "b"}
    assert {place.of for each in first.entrants for place in each.places.values()} == {2}
    assert second.entrants[0].places == {}
    assert any(expected in reason for reason in second.apart), second.apart
    for format_ in ("terminal", "md", "latex"):
        assert call(["leaderboard", str(one), str(other), "--format", format_, "-q"]) == 0
        told = " ".join(capsys.readouterr().out.replace("\\", "").replace("$", "").split())
        assert f"Not ranked with the models above: {expected}" in told or expected in told, format_


def test_the_metrics_that_agree_can_be_ranked_by_name(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", Simulated({"a": 0.0})).path
    other = write_run(tmp_path / "other", Simulated({"b": 2.0}, metrics="ssim(sigma=2.0),psnr,fd_random")).path
    (section,) = sections(board(one, other, request=LeaderboardConfig(metrics=("psnr", "fd_random"))))
    assert places(section, "psnr") == {"b": (1, False, 1, 1), "a": (2, False, 2, 2)}
    assert [head.metric for head in section.heads] == ["psnr", "fd_random"]


def test_runs_are_grouped_by_protocol(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", Simulated({"a": 0.0}, protocol="bci-2022")).path
    other = write_run(tmp_path / "other", Simulated({"a": 2.0}, protocol="mine")).path
    leaderboard = board(one, other)
    assert [each.protocol for each in leaderboard.boards] == ["bci-2022", "mine"]
    assert [each.title for section in sections(leaderboard) for each in section.entrants] == ["a (one)", "a (other)"]


def test_a_metric_that_one_run_lacks_is_ranked_among_the_others(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", Simulated({"a": 0.0, "b": 2.0})).path
    other = write_run(tmp_path / "other", Simulated({"c": 4.0}, metrics="ssim")).path
    (section,) = sections(board(one, other))
    assert set(places(section, "ssim")) == {"a", "b", "c"}
    assert set(places(section, "psnr")) == {"a", "b"}


def test_a_table_alone_is_shown_and_not_ranked(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", Simulated({"a": 0.0, "b": 2.0}, metrics="ssim")).path
    lone = tmp_path / "lab.json"
    other = write_run(tmp_path / "other", Simulated({"c": 4.0}, metrics="ssim"))
    lone.write_bytes(other.results.read_bytes())
    (section,) = sections(board(one, lone))
    assert set(places(section, "ssim")) == {"a", "b"}
    assert [each.title for each in section.entrants] == ["b", "a", "c"]
    assert section.heads[0].notes == ("c: its run is a table alone, without the values of single tiles",)
    (section,) = sections(board(lone))
    assert section.heads[0].unranked == "no model can be ranked"
    assert "c" in render(document(board(lone)), "md")
    other.tiles.unlink()  # a folder that lacks the values is a table alone as well
    assert places(sections(board(other.path))[0], "ssim") == {}


def test_models_over_fewer_tiles_have_no_rank(tmp_path: Path) -> None:
    """Identical tiles have no finite PSNR: the mean is over the others, hence another one."""
    run = Simulated({"a": 0.0, "b": 1.0, "copy": 2.0}, metrics="psnr")
    rows = np.full((len(run.tiles), 1), 0.01)
    rows[0] = 0.0
    path = write_run(tmp_path / "run", Simulated(run.models, metrics="psnr", rows={("copy", "psnr"): rows})).path
    (section,) = sections(board(path))
    assert set(places(section, "psnr")) == {"a", "b"}
    assert section.heads[0].notes == ("copy: 1 tiles have no finite value, its mean is over the others",)


def test_one_group_is_not_ranked(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", Simulated(CLEAR, groups=1, tiles_per_group=6)).path
    (section,) = sections(board(path))
    assert all(not each.places for each in section.entrants)
    assert {head.unranked for head in section.heads} == {"all tiles are of one group, which says nothing of another"}


def test_a_target_is_ranked_by_the_distance_from_it(tmp_path: Path) -> None:
    run = Simulated({"over": 0, "right": 0, "under": 0}, metrics="dab_od_bias")
    noise = np.random.default_rng(0).normal(0, 0.01, (3, len(run.tiles), 2))  # of the generated and the real side
    shifts = {"over": 0.5, "right": 0.02, "under": -1.0}
    rows = {(name, "dab_od_bias"): noise[at] + [shift, 0] for at, (name, shift) in enumerate(shifts.items())}
    run = Simulated(run.models, metrics="dab_od_bias", rows=rows, controls=False)
    path = write_run(tmp_path / "run", run).path
    (section,) = sections(board(path))
    assert {title: place[0] for title, place in places(section, "dab_od_bias").items()} == {
        "right": 1, "over": 2, "under": 3
    }  # fmt: skip


def test_a_model_without_a_score_leaves_the_others_their_ranks(tmp_path: Path) -> None:
    """A correlation over tiles has none where all tiles are alike."""
    run = Simulated({"a": 0.0, "b": 0.0, "flat": 0.0}, metrics="dab_tile_r", controls=False)
    random = np.random.default_rng(0)
    real = random.normal(0.5, 0.1, len(run.tiles))
    rows = {
        (name, "dab_tile_r"): np.stack([real + random.normal(0, noise, len(real)), real], axis=1)
        for name, noise in (("a", 0.01), ("b", 0.2))
    }
    rows["flat", "dab_tile_r"] = np.stack([np.full(len(real), 0.5), real], axis=1)
    run = Simulated(run.models, metrics="dab_tile_r", rows=rows, controls=False)
    (section,) = sections(board(write_run(tmp_path / "run", run).path))
    assert {title: place[0] for title, place in places(section, "dab_tile_r").items()} == {"a": 1, "b": 2}
    flat = next(each for each in section.entrants if each.title == "flat").find("dab_tile_r")
    assert flat is not None
    assert flat.status == "undefined"


def test_groups_that_differ_between_runs_of_equal_tiles_are_not_ranked(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", Simulated({"a": 0.0}, metrics="ssim")).path
    other = write_run(tmp_path / "other", Simulated({"b": 2.0}, metrics="ssim"))
    lines = other.pairs.read_text("utf-8").replace("p00_0,p00", "p00_0,p01").replace("p01_0,p01", "p01_0,p00")
    other.pairs.write_text(lines, encoding="utf-8")
    (section,) = sections(board(one, other.path))
    assert section.heads[0].unranked == "tile 'p00_0' is of group 'p00' for a and of 'p01' for b"


def test_controls_and_the_ceiling_are_always_there_once(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / name, Simulated({name: 1.0})).path for name in ("one", "other")]
    (section,) = sections(board(*paths))
    (subset,) = section.controls
    assert [each.title for each in subset.entrants] == [
        "control:blurred-real", "control:mean-colour", "control:other-colour", "control:other-real",
        "control:source-copy",
    ]  # fmt: skip
    assert all(each.places == {} for each in subset.entrants)
    text = render(document(board(*paths)), "md")
    assert text.count("*mean colour*") == 1 + 2, "over all tiles and for each of two labels"
    assert "| *identical tiles* | 1.0" in text


def test_rows_over_other_subsets_of_controls_stand_apart(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", Simulated({"a": 0.0})).path
    other = write_run(tmp_path / "other", Simulated({"b": 0.0}, control_tiles=18)).path
    (section,) = sections(board(one, other))
    assert [each.controls.tiles for each in section.controls] == [12, 18]


def test_a_trial_run_is_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", Simulated({"a": 0.0}))
    content = json.loads(folder.results.read_text("utf-8"))
    content["inputs"]["partial"] = True
    folder.results.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=r"only the first tiles were scored in run .*--limit"):
        board(folder.path)


@pytest.mark.parametrize(
    ("paths", "request_", "expected"),
    [
        ((), LeaderboardConfig(), "neither a run nor published tables"),
        (("run", "run"), LeaderboardConfig(), "given twice"),
        (("nothing",), LeaderboardConfig(), "no such folder or file"),
        (("run",), LeaderboardConfig(metrics=("sim",)), "no run has this metric.*Did you mean 'ssim'"),
        (("run",), LeaderboardConfig(published=("tcga",)), "no such data set"),
        (("run",), LeaderboardConfig(trust=Path("nothing")), "no stress.json"),
        (("empty",), LeaderboardConfig(), "no results.json"),
        (("broken.json",), LeaderboardConfig(), "not a results table"),
    ],
)
def test_what_cannot_be_shown_is_told(
    paths: tuple[str, ...], request_: LeaderboardConfig, expected: str, tmp_path: Path
) -> None:
    write_run(tmp_path / "run", Simulated({"a": 0.0}, metrics="ssim"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match=f"(?s){expected}"):
        make_leaderboard([tmp_path / name for name in paths], request_)


def test_the_same_runs_give_the_same_bytes_wherever_they_lie(tmp_path: Path) -> None:
    def made(place: str) -> Made:
        paths = [write_run(tmp_path / place / name, Simulated({name: 1.0})).path for name in ("one", "other")]
        return make_leaderboard(paths, LeaderboardConfig(published=("bci",)))

    here, there = made("here"), made("there")
    for name in ("terminal", "md", "latex", "csv", "json", "html"):
        assert render(document(here.leaderboard), name) == render(document(there.leaderboard), name), name
    assert str(tmp_path) not in here.leaderboard.to_json()


def test_the_simulation_is_a_run_folder_that_others_read(tmp_path: Path) -> None:
    """Assert the premise: evidence, definitions and values of simulated runs are those of real ones."""
    folder = write_run(tmp_path / "run", Simulated(CLEAR))
    evidence = Evidence(RunFolder(folder.path))
    row = evidence.table.find("weak", "fd_random")
    assert row is not None
    definition = evidence.definition(evidence.table.metric(row))
    assert not isinstance(definition, str)
    sample = evidence.rows("weak", definition)
    assert not isinstance(sample, str)
    assert definition.score(sample.rows) == pytest.approx(row.value, abs=1e-12)
    values = evidence.values("weak", "ssim")
    assert values is not None
    assert values.values.mean() == pytest.approx(evidence.table.find("weak", "ssim").value, abs=1e-12)  # type: ignore[union-attr]  # it is there
