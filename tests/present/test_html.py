"""The HTML report: complete, offline, deterministic, deaf to hostile names, with tiles chosen by its rule."""

import base64
import io
import math
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.browser import Visit
from tests.present.run_folders import CONTROL, PER_TILE, replace_facts, write_run, write_tiles
from vstain_bench.base.text import printable
from vstain_bench.images.reader import encode_png
from vstain_bench.present.figures.distributions import MOST_TILES, Axis, spread_dots
from vstain_bench.present.figures.panel import choose_scale_bar, parse_image_file, pick
from vstain_bench.present.pages.frame import shorten_paths
from vstain_bench.present.pages.run import render_run, shown_command
from vstain_bench.present.sentences.run import headline
from vstain_bench.results.folder import RunFolder

TAG = "<img src=x onerror=alert(1)>"
HOSTILE = (TAG, "{{7*7}}", "rtl\u202etxt", "two\nlines\x1b[31m", '"><script>alert(2)</script>', "a\u2028b' onload='c")
TILES = ("t1", "t2", "t3", "t4")
SCORES = {
    "plain": {"css": [0.5, 0.6, 0.7, 0.8], "ssim": [0.31, 0.62, 0.93, 0.44], "psnr": [20.0, 21.0, math.inf, 23.0]},
    "blurred": {"css": [0.4, 0.5, 0.6, 0.7], "ssim": [0.5, 0.5, 0.5, 0.5], "psnr": [25.0, 26.0, 27.0, 28.0]},
    CONTROL: {"css": [0.1, 0.1, 0.2, 0.2], "ssim": [0.2, 0.3, 0.2, 0.3], "psnr": [11.0, 12.0, 13.0, 14.0]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    root = tmp_path_factory.mktemp("report")
    images = write_tiles(root / "tiles", ["source", "real", "plain", "blurred"], TILES, side=64)
    return write_run(root / "run", SCORES, tiles=TILES, images=images, unbeaten={"css": (CONTROL,)})


@pytest.fixture(scope="module")
def page(folder: RunFolder) -> str:
    return render_run(folder)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    root = tmp_path_factory.mktemp("hostile")
    scores = {name: {metric: [0.5, 0.6, 0.7] for metric in PER_TILE} for name in (*HOSTILE, CONTROL)}
    return write_run(
        root / "run",
        scores,
        tiles=HOSTILE[:3],
        label=TAG,
        group=TAG,
        unbeaten={"ssim": (f"control:{TAG}",)},
        warnings=HOSTILE,
        skipped=[(TAG, TAG, TAG)],
        facts={"notes": list(HOSTILE), "versions": {TAG: TAG}, "weights": {TAG: TAG}, "command": list(HOSTILE)},
    )


class Reader(HTMLParser):
    """Collects what a browser would: rows of the score table, ids, and every tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._in_scores = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self._in_scores = not self.rows and dict(attrs).get("class") == "sheet"
        if tag == "tr" and self._in_scores:
            self.rows.append([])
        if tag in ("td", "th") and self._in_scores:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self._in_scores and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._in_scores = False


def exhibits(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<p class="rank">(.*?)</p>\s*<p class="tile-name"><bdi>(.*?)</bdi>', page)


def decoded(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))), dtype=float)


def test_every_row_and_column_of_the_table_is_on_the_page(page: str) -> None:
    rows = Reader(page).rows
    assert rows[0] == ["Name", "plain", "blurred", "mean colour"]
    assert [row[0] for row in rows[1:]] == [
        "css↑",
        "ssim↑",
        "psnr↑dB",
        "fd_random↓",
    ]  # fid has no value: a note says so
    assert rows[1][1].startswith("0.65± 0.13†[0.60, 0.70]")
    assert rows[3][1].startswith("21.3± 1.5[21.3, 21.4]")  # the mean of the three finite values
    assert rows[4][1:] == ["1.5[-0.5, 3.5]", "1.5[-0.5, 3.5]", "–"]
    assert [row[3] for row in rows[1:4]] == [
        "0.15± 0.06[0.10, 0.20]",
        "0.25± 0.06[0.20, 0.30]",
        "12.5± 1.3[12.4, 12.6]",
    ]


@pytest.mark.parametrize(
    "expected",
    [
        "intervals over fewer than 10 patients are unreliable",  # the table's warnings
        "unavailable: weights &#39;inception&#39; are in none of …/vstain-bench/weights",  # shortened
        "EXIF orientation 1 is applied",  # notes of the audit
        "win:gaussian11",  # signatures
        "Wang, Bovik, Sheikh, Simoncelli",  # citations
        "3.3 of 4",  # effective tiles
        "sha256 cdcdcd",  # weights
        "n = 4",  # tiles of a label
        "no better than mean colour on the tiles that both were scored on",
    ],
)
def test_what_a_reviewer_looks_for_is_there(page: str, expected: str) -> None:
    assert expected in page


def test_ids_are_unique_and_links_lead_to_them(page: str) -> None:
    tags = Reader(page).tags
    ids = [given["id"] for _, given in tags if "id" in given]
    targets = [str(given["href"])[1:] for tag, given in tags if tag == "a"]
    assert len(ids) == len(set(ids))
    assert targets
    assert set(targets) <= set(ids)


@pytest.mark.parametrize(
    ("values", "higher", "expected"),
    [
        ({"a": 1.0, "b": 3.0, "c": 2.0}, True, [("best", "b"), ("median", "c"), ("worst", "a")]),
        ({"a": 1.0, "b": 3.0, "c": 2.0}, False, [("best", "a"), ("median", "c"), ("worst", "b")]),
        # an even number: the better of the two middle ones
        ({"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}, True, [("best", "d"), ("median", "c"), ("worst", "a")]),
        # equal values: by id, whatever the order they come in
        ({"c": 1.0, "a": 1.0, "b": 1.0}, True, [("best", "a"), ("median", "b"), ("worst", "c")]),
        ({"c": 1.0, "a": 1.0, "b": 1.0}, False, [("best", "a"), ("median", "b"), ("worst", "c")]),
        # identical tiles have an infinite PSNR and are the best; a tile without a value takes no part
        ({"a": math.inf, "b": 1.0, "c": math.nan, "d": 2.0}, True, [("best", "a"), ("median", "d"), ("worst", "b")]),
        ({"b": 1.0, "a": 2.0}, True, [("best", "a"), ("worst", "b")]),
        ({"a": 1.0}, True, [("only tile", "a")]),
        ({"a": math.nan}, True, []),
    ],
)
def test_best_median_and_worst_are_picked_by_the_rule(
    values: dict[str, float], higher: bool, expected: list[tuple[str, str]]
) -> None:
    assert pick(values, higher) == expected


def test_the_panel_shows_the_tiles_of_the_rule(page: str) -> None:
    """SSIM ranks: FID has no value, FD none per tile, and CSS does not compare with the real tile."""
    assert "ordered by <b>ssim</b>" in page
    plain = [("best", "t3"), ("median", "t2"), ("worst", "t1")]  # 0.93, (0.62, 0.44), 0.31
    blurred = [("best", "t1"), ("median", "t2"), ("worst", "t4")]  # all equal: by id
    assert exhibits(page) == plain + blurred
    assert page.count('<img src="data:image/jpeg;base64,') == 6 * 4
    assert page.count('class="scale-bar"') == 6
    assert "<dt>psnr</dt><dd>∞</dd>" in page  # plain's best tile


def test_the_difference_is_black_at_zero_and_saturates_at_half(tmp_path: Path) -> None:
    real = np.full((64, 96, 3), 0.25, np.float32)
    generated = real.copy()
    generated[:, 48:] += 0.5
    files = {owner: tmp_path / f"{owner}.png" for owner in ("source", "real", "plain")}
    for owner, path in files.items():
        encode_png(path, generated if owner == "plain" else real)
    images = {(owner, "t1"): path for owner, path in files.items()}
    run = write_run(tmp_path / "run", {"plain": {"ssim": [0.5]}}, tiles=["t1"], images=images)
    uris = re.findall(r'<img src="(data:[^"]+)"', render_run(run))
    difference = decoded(uris[3])
    assert difference.shape == (64, 96, 3)
    assert difference[:, :40] == pytest.approx(np.broadcast_to([0, 0, 4], (64, 40, 3)), abs=6)
    assert difference[:, 56:] == pytest.approx(np.broadcast_to([252, 253, 191], (64, 40, 3)), abs=6)
    assert decoded(uris[1]) == pytest.approx(np.full((64, 96, 3), 64.0), abs=2)


@pytest.mark.parametrize(
    ("text", "path", "half"),
    [
        ("/a/b.png", "/a/b.png", "whole"),
        ("/a/b.png (left half)", "/a/b.png", "left"),
        ("/a/b (1).png (right half)", "/a/b (1).png", "right"),
    ],
)
def test_files_are_read_as_they_were_written(text: str, path: str, half: str) -> None:
    file = parse_image_file(text)
    assert (str(file.path), file.half) == (path, half)
    assert str(file) == text


def test_tiles_that_are_gone_leave_placeholders(tmp_path: Path) -> None:
    broken, tiles = tmp_path / "broken.png", ("t1", "t2", "t3")
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnot a PNG")
    images = write_tiles(tmp_path / "tiles", ["source", "real", "plain"], tiles, side=64)
    images["real", "t1"] = broken
    del images["source", "t2"], images["real", "t3"]
    page = render_run(write_run(tmp_path / "run", {"plain": {"ssim": [0.1, 0.2, 0.3]}}, tiles=tiles, images=images))
    found = re.findall(r'class="missing"[^>]*>(.*?)</div>', page)
    assert [re.sub(r" cannot be read: .+", " cannot be read", each) for each in found] == [
        "1.png is no longer there", "needs both images, of one size",  # best: t3 has no real tile
        "0.png is no longer there",  # median: t2 has no H&E
        "broken.png cannot be read", "needs both images, of one size",  # worst: t1
    ]  # fmt: skip
    assert page.count("<img ") == 12 - len(found)


def test_equal_runs_give_equal_bytes_wherever_they_lie(folder: RunFolder, page: str, tmp_path: Path) -> None:
    other = RunFolder(tmp_path / "elsewhere")
    shutil.copytree(folder.path, other.path)
    command = ["vstain-bench", "run", "/data/study/models/plain", f"--out={other.path}"]
    machine = {"host": "another-host", "platform": "Linux", "processor": "x86_64", "cores": 2}
    replace_facts(other, command=command, machine=machine, started="2027-01-01T00:00:00Z", seconds=1.0)
    assert render_run(folder) == page
    assert render_run(other) == page
    for hidden in (str(folder.path), str(folder.path.parent), "pathology-host", "2026-01-02", "1234.5", "/home/alice"):
        assert hidden not in page
    replace_facts(other, device="cuda")
    assert render_run(other) != page


def test_many_tiles_keep_the_page_small(tmp_path: Path) -> None:
    number = MOST_TILES + 100
    values = [0.1 + 0.8 * index / number for index in range(number)]
    few, many = (
        render_run(
            write_run(
                tmp_path / name,
                {f"m{model}": {metric: values[:count] for metric in PER_TILE} for model in range(10)},
                tiles=[f"t{index:04}" for index in range(count)],
            )
        )
        for name, count in (("few", 200), ("many", number))
    )
    assert few.count('<circle class="tile"') == 200 * 30 + 3  # three in the legend
    assert many.count('<circle class="tile"') == 3
    assert many.count('class="box"') == 30 + 1
    assert len(many) < 250_000
    assert "The first 8 models are shown, 2 are not." in many
    assert len(exhibits(many)) == 3 * 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("in none of /root/.cache/torch/hub/checkpoints.", "in none of …/hub/checkpoints."),
        ("put https://host.org/a/b/c.pth into ~/.cache/a/b", "put https://host.org/a/b/c.pth into …/a/b"),
        ("'/data/x/y.png': its width", "'…/x/y.png': its width"),
        ("3/4 of tiles, and/or a/b/c, /tmp", "3/4 of tiles, and/or a/b/c, /tmp"),  # no absolute path of three parts
    ],
)
def test_absolute_paths_are_shortened(text: str, expected: str) -> None:
    assert shorten_paths(text) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["vstain-bench", "run", "a=/x/y/z/w", "--out", "/x/r"], "vstain-bench run a=…/z/w"),
        (["vstain-bench", "demo", "--out=/x/r", "--seed", "3"], "vstain-bench demo --seed 3"),
        (["vstain-bench", "run", "models/a", "--real", "my tiles"], "vstain-bench run models/a --real 'my tiles'"),
    ],
)
def test_the_command_is_shown_without_the_run_folder(arguments: list[str], expected: str) -> None:
    assert shown_command(arguments) == expected


@pytest.mark.parametrize(
    ("width", "mpp", "expected"),
    [
        (256, 0.5, (20, 15.62)),  # 128 µm wide: 50 µm would be 39 %
        (1024, 0.25, (50, 19.53)),
        (64, 0.01, None),  # 0.64 µm wide
    ],
)
def test_the_scale_bar_is_round_and_fits(width: int, mpp: float, expected: tuple[int, float] | None) -> None:
    bar = choose_scale_bar(width, mpp)
    assert (bar and (bar.micrometres, bar.percent)) == expected


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([0.0, 1.0], ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        ([-0.6, 8.7], ["0", "2", "4", "6", "8"]),
        ([20.0, 40.0], ["20", "25", "30", "35", "40"]),
        ([0.5, 0.5], ["0.49", "0.50", "0.51"]),  # one number only
    ],
)
def test_ticks_are_round_and_inside_the_axis(numbers: list[float], expected: list[str]) -> None:
    ticks = Axis(numbers).ticks()
    assert [tick.text for tick in ticks] == expected
    assert all(0 <= tick.at <= 100 for tick in ticks)


def test_dots_at_one_place_are_moved_apart() -> None:
    dots = spread_dots([50.0, 50.0, 50.0, 10.0])
    assert [dot.shift for dot in dots] == [0.0, 4.0, -4.0, 0.0]
    assert len({dot.shift for dot in spread_dots([50.0] * 40)}) == 40
    assert max(abs(dot.shift) for dot in spread_dots([50.0] * 40)) <= 12


@pytest.mark.parametrize(
    ("models", "unbeaten", "expected"),
    [
        (["plain", "blurred"], {}, "plain has the best value on 3 of 4 metrics; blurred on 2. "  # both on fd_random
         "Every model is ahead of every attainable control on every metric."),
        (["plain", "blurred"], {"css": (CONTROL,), "ssim": (CONTROL,)}, "plain has the best value on 3 of 4 metrics; "
         "blurred on 2. No better than an attainable control: plain and blurred on css and ssim."),
        (["plain", "twin"], {}, "plain and twin share the best value on each of 4 metrics. "
         "Every model is ahead of every attainable control on every metric."),
        (["plain"], {"css": (CONTROL,)}, "plain is no better than an attainable control on css."),
        (["plain"], {metric: (CONTROL,) for metric in PER_TILE},
         "plain is no better than an attainable control on all 3 metrics."),
    ],
)  # fmt: skip
def test_the_headline_says_what_the_table_says(
    models: list[str], unbeaten: dict[str, tuple[str, ...]], expected: str, tmp_path: Path
) -> None:
    known = SCORES | {"twin": SCORES["plain"]}
    run = write_run(
        tmp_path / "run", {name: known[name] for name in (*models, CONTROL)}, tiles=TILES, unbeaten=unbeaten
    )
    assert headline(run.read_table()).striptags() == expected


def test_hostile_names_are_text(hostile: RunFolder) -> None:
    page = render_run(hostile)
    reader = Reader(page)
    assert reader.rows[0][1 : len(HOSTILE) + 1] == [printable(name) for name in HOSTILE]
    assert not {"\u202e", "\x1b", "\u2028"} & set(page)
    assert sum(tag == "script" for tag, _ in reader.tags) == 1
    assert not [given for _, given in reader.tags if any(name.startswith("on") for name in given)]
    assert [given["src"] for tag, given in reader.tags if tag == "img" and given["src"] == "x"] == []


def test_an_empty_run_is_still_a_page(tmp_path: Path) -> None:
    page = render_run(write_run(tmp_path / "run", {"plain": {"ssim": []}}, tiles=(), facts={"notes": []}))
    assert "No metric of this run ranks single tiles" in page


class Report(Visit):
    """The report as a reader sees it."""

    def __init__(self, browser: Any, text: str, folder: Path, **context: object) -> None:
        path = folder / "report.html"
        path.write_text(text, encoding="utf-8")
        super().__init__(browser, path, **context)


@pytest.mark.browser
def test_a_browser_fetches_nothing_and_complains_of_nothing(browser: Any, page: str, tmp_path: Path) -> None:
    visit = Report(browser, page, tmp_path)
    assert visit.fetched == []
    assert visit.complaints == []
    pictures = visit.page.eval_on_selector_all("img", "all => all.map(one => one.naturalWidth)")
    assert pictures == [64] * 24
    colour = "getComputedStyle(document.querySelector('.eyebrow')).textTransform"
    assert visit.page.evaluate(colour) == "uppercase"  # the style sheet's hash is the one that was announced


@pytest.mark.browser
def test_the_policy_stops_what_an_injection_would_do(browser: Any, page: str, tmp_path: Path) -> None:
    """Prove that the guards of the test above can fail: a request and a script are seen, and are refused."""
    attack = '<img src="https://example.org/x.png"><script>window.injected = 1; alert(3)</script></main>'
    visit = Report(browser, page.replace("</main>", attack), tmp_path)
    assert visit.page.evaluate("window.injected") is None
    assert any("Content Security Policy" in complaint for complaint in visit.complaints)
    assert len(visit.complaints) == 2


@pytest.mark.browser
def test_hostile_names_do_nothing_in_a_browser(browser: Any, hostile: RunFolder, tmp_path: Path) -> None:
    visit = Report(browser, render_run(hostile), tmp_path)
    assert (visit.fetched, visit.complaints) == ([], [])
    assert visit.page.locator("script").count() == 1
    assert visit.page.locator('img[src="x"]').count() == 0
    names = visit.page.locator("table.sheet").first.locator("thead th.measured").all_inner_texts()
    assert names == [printable(name) for name in HOSTILE]


@pytest.mark.browser
@pytest.mark.parametrize("width", [400, 1600])
def test_the_page_fits_its_window(browser: Any, page: str, width: int, tmp_path: Path) -> None:
    visit = Report(browser, page, tmp_path, viewport={"width": width, "height": 900})
    assert visit.page.evaluate("document.documentElement.scrollWidth") == width
