"""The site: complete without its script, offline, deaf to hostile names; sorts, filters and prints in a browser."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Visit
from tests.leaderboard.simulated import HOSTILE, TWENTY, Simulated, write_many, write_run
from tests.present.run_folders import write_run as write_pictured_run
from tests.present.run_folders import write_tiles
from tests.records import record
from vstain_bench.base.text import printable
from vstain_bench.judge.leaderboard.config import LeaderboardConfig
from vstain_bench.judge.leaderboard.job import make_leaderboard
from vstain_bench.present.pages.card import find_cards, read_card
from vstain_bench.present.site import page_names, publish_site
from vstain_bench.results.folder import RunFolder

FIFTY = 50


class Reader(HTMLParser):
    """Collects what a browser would: rows of each table, links, and every tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.tables[-1][-1][-1] += data.strip()

    @property
    def links(self) -> list[str]:
        return [str(given["href"]) for tag, given in self.tags if tag == "a"]


@pytest.fixture(scope="module")
def fifty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of 50 runs with 20 metrics, beside the tables of HER2match."""
    root = tmp_path_factory.mktemp("fifty")
    paths = write_many(root / "runs", runs=FIFTY, groups=8)
    made = make_leaderboard(paths, LeaderboardConfig(title='<b>Fifty</b> & "one"', published=("her2match",)))
    return publish_site(made, root / "site").parent


@pytest.fixture(scope="module")
def reader(fifty: Path) -> Reader:
    return Reader((fifty / "index.html").read_text("utf-8"))


def test_fifty_runs_and_twenty_metrics_are_on_the_page(reader: Reader) -> None:
    table = reader.tables[0]
    assert [re.sub(r"[↑↓].*", "", cell) for cell in table[0]] == ["model", *TWENTY.split(",")]
    models = {row[0] for row in table if len(row) == 21}
    assert {printable(name) for name in HOSTILE} <= models
    assert {f"model {number:02d}" for number in range(len(HOSTILE), FIFTY)} <= models
    assert {"mean colour", "identical tiles"} <= models
    assert len(reader.tables) == 3 + 3, "all tiles, two labels, three published tables"


def test_every_link_leads_to_a_page_or_a_section(fifty: Path, reader: Reader) -> None:
    ids = {given.get("id") for _, given in reader.tags}
    pages = [link for link in reader.links if not link.startswith("#")]
    assert all((fifty / link).is_file() for link in pages)
    assert {link[1:] for link in reader.links if link.startswith("#")} <= ids
    assert len(set(pages)) == FIFTY
    assert {path.name for path in (fifty / "models").iterdir()} == {Path(link).name for link in pages}
    for page in (fifty / "models").iterdir():
        own = Reader(page.read_text("utf-8"))
        assert "../index.html" in own.links
        assert len(own.tables[0]) == 1 + 20


def test_names_of_pages_are_harmless(fifty: Path) -> None:
    for path in fifty.rglob("*"):
        assert re.fullmatch(r"[a-z0-9-]+(\.html|\.json)?", path.name), path.name
    made = make_leaderboard([], LeaderboardConfig(published=("bci",))).leaderboard
    assert page_names(entrant for _, _, entrant in made.entrants()) == {}


def test_hostile_names_are_text(fifty: Path) -> None:
    for path in [fifty / "index.html", *(fifty / "models").iterdir()]:
        page = path.read_text("utf-8")
        own = Reader(page)
        assert not {"\u202e", "\x1b", "\u2028"} & set(page)
        assert sum(tag == "script" for tag, _ in own.tags) == (path.name == "index.html")
        assert not [given for _, given in own.tags if any(name.startswith("on") for name in given)]
        assert not [given for tag, given in own.tags if tag == "img" and given["src"] == "x"]
        assert "default-src 'none'" in page
        assert "<b>Fifty</b>" not in page
        assert "http://" not in page
        assert "https://" not in page


def test_published_rows_stand_in_the_table_of_their_protocol(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", Simulated({"mine": 1.0}, metrics="psnr,css", protocol="cssp2p-2025")).path
    publish_site(make_leaderboard([run], LeaderboardConfig(published=("her2match",))), tmp_path / "site")
    page = (tmp_path / "site" / "index.html").read_text("utf-8")
    table = Reader(page).tables[0]
    assert ["CSSP2P GAN", "18± 4", "0.35± 0.10"] in table
    assert ["Published: Teixeira et al. 2025, Table 2 (HER2match test, 5980 tiles)"] in table
    body = page[page.index('<tbody class="published">') :]
    assert "(1" not in body[: body.index("</tbody>")], "no place, no rank"


def test_a_kernel_distance_is_shown_in_our_unit_with_its_digits(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", Simulated({"mine": 1.0}, metrics="psnr", protocol="cssp2p-2025"))
    content = json.loads(folder.results.read_text("utf-8"))
    row = next(each for each in content["rows"] if each["model"] == "mine" and each["label"] is None)
    content["rows"].append(row | {"metric": "kid_subsets", "value": 0.05})
    content["metrics"].append(record("kid_subsets|cmp:generated-real|v:1", better="lower").model_dump(mode="json"))
    folder.results.write_text(json.dumps(content), encoding="utf-8")
    publish_site(make_leaderboard([folder.path], LeaderboardConfig(published=("her2match",))), tmp_path / "site")
    table = Reader((tmp_path / "site" / "index.html").read_text("utf-8")).tables[0]
    assert ["CSSP2P GAN", "18± 4", "0.025± 0.007"] in table


def test_a_models_page_has_its_tiles_and_its_card(tmp_path: Path) -> None:
    tiles = ("t1", "t2", "t3")
    images = write_tiles(tmp_path / "tiles", ["source", "real"], tiles, side=64)
    own = tmp_path / "generated" / "plain"
    own.mkdir(parents=True)
    for tile in tiles:
        images["plain", tile] = shutil.copy(images["real", tile], own / f"{tile}.png")
    card = {
        "recipe": "cssp2p", "settings": {"lr": 2e-4, "ema": False}, "notes": "<b>x</b>\u202e", "curve": list(range(99)),
        "data": "/home/alice/tiles/train", "nothing": None,
    }  # fmt: skip
    (own / "card.json").write_text(json.dumps(card), encoding="utf-8")
    scores = {"plain": {"css": [0.5, 0.6, 0.7], "ssim": [0.3, 0.6, 0.9], "psnr": [20.0, 21.0, 22.0]}}
    folder = write_pictured_run(tmp_path / "run", scores, tiles=tiles, images=images)
    publish_site(make_leaderboard([folder.path], LeaderboardConfig()), tmp_path / "site")
    page = (tmp_path / "site" / "models" / "01-plain.html").read_text("utf-8")
    assert page.count('<img src="data:image/jpeg;base64,') == 3 * 4
    for shown in ("cssp2p", "settings lr", "0.0002", "&lt;b&gt;x&lt;/b&gt;\\u202e", "99 values", "…/tiles/train"):
        assert shown in page, shown
    assert "/home/alice" not in page
    assert "nothing" not in page


def write_paths(folder: RunFolder, **owners: Path) -> None:
    columns = {"tile": "t", "group": "g", "label": ""} | {name: str(path) for name, path in owners.items()}
    with folder.pairs.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [name.replace("__", ":") for name in columns])
        writer.writeheader()
        writer.writerow({name.replace("__", ":"): value for name, value in columns.items()})


@pytest.mark.parametrize(
    ("card", "other", "found"),
    [
        ("out/a/card.json", "out/b/t.png", True),  # among the model's tiles
        ("out/card.json", "elsewhere/t.png", True),  # around them, where nobody else lies
        ("out/card.json", "out/b/t.png", False),  # of which model would it be?
        ("out/b/card.json", "out/b/t.png", False),  # another model's
        ("card.json", "out/b/t.png", False),
    ],
)
def test_a_card_is_taken_where_it_can_be_no_other_models(card: str, other: str, found: bool, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    write_paths(folder, generated__a=tmp_path / "out" / "a" / "t.png", generated__b=tmp_path / other)
    (tmp_path / card).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / card).write_text("{}", encoding="utf-8")
    assert find_cards(folder, "a") == ([tmp_path / card] if found else [])
    assert find_cards(folder, "nobody") == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "card.json cannot be read as JSON"),
        ("[1, 2]", "card.json holds no names and values"),
        ("[" * 100_000, "card.json cannot be read as JSON"),
        ('{"a": "' + "x" * 2**20 + '"}', "card.json has more than 1 MiB, so it is not shown"),
    ],
    ids=["damaged", "list", "deep", "huge"],
)
def test_a_card_that_says_nothing_stops_nobody(content: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(content, encoding="utf-8")
    assert read_card(tmp_path / "card.json").fault == expected


def test_a_long_card_is_cut_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(json.dumps({f"k{number}": number for number in range(200)}), encoding="utf-8")
    facts = read_card(tmp_path / "card.json").facts
    assert len(facts) == 81
    assert facts[-1] == ("", "and 120 more in card.json")


def test_a_site_is_written_over_and_over_with_the_same_bytes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", Simulated({"a": 0.0, "b": 1.0})).path
    first, second = (
        publish_site(make_leaderboard([run], LeaderboardConfig()), tmp_path / name).parent for name in ("one", "two")
    )
    publish_site(make_leaderboard([run], LeaderboardConfig()), first)
    for path in first.rglob("*.*"):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()
        assert str(tmp_path) not in path.read_text("utf-8")


def test_a_model_that_left_leaves_no_page(tmp_path: Path) -> None:
    one, other = (write_run(tmp_path / name, Simulated({name: 1.0}, metrics="ssim")).path for name in ("one", "other"))
    site = publish_site(make_leaderboard([one, other], LeaderboardConfig()), tmp_path / "site").parent
    (site / "models" / "mine.html").write_text("the user's own", encoding="utf-8")
    assert len(list((site / "models").iterdir())) == 3
    publish_site(make_leaderboard([other], LeaderboardConfig()), site)
    assert {path.name for path in (site / "models").iterdir()} == {"01-other.html", "mine.html"}
    (site / "leaderboard.json").write_text("{", encoding="utf-8")
    publish_site(make_leaderboard([other], LeaderboardConfig()), site)


class Board(Visit):
    """The leaderboard as a reader sees it."""

    def __init__(self, browser: Any, path: Path, width: int = 1300) -> None:
        super().__init__(browser, path, viewport={"width": width, "height": 900})

    def rows(self, body: str = "measured") -> list[str]:
        """Return the names of the rows that are seen, in their order."""
        return list(self.page.locator(f".view:not([hidden]) tbody.{body} th[scope=row]:visible").all_inner_texts())

    def heads(self) -> list[str]:
        found = self.page.locator(".view:not([hidden]) thead th[data-key]:visible").all_inner_texts()
        return [text.split()[0] for text in found]


@pytest.mark.browser
def test_a_browser_sorts_and_filters_fifty_runs(browser: Any, fifty: Path) -> None:
    visit = Board(browser, fifty / "index.html")
    assert (visit.fetched, visit.complaints) == ([], [])
    ordered = visit.rows()
    assert len(ordered) == FIFTY
    assert {printable(name) for name in HOSTILE} <= set(ordered)

    head = visit.page.locator(".view:not([hidden]) thead button")
    head.nth(5).click()  # mae: the best first, which is the smallest
    values = visit.page.locator(".view:not([hidden]) tbody.measured td:nth-child(6)").evaluate_all(
        "all => all.map(one => Number(one.dataset.value))"
    )
    assert values == sorted(values)
    assert values[0] < values[-1], "the premise"
    head.nth(5).click()
    head.nth(5).click()
    assert visit.rows() == ordered, "the third click is the order of the page"

    visit.page.locator(".tools input[type=search]").fill("MODEL 1")
    assert visit.rows() == [name for name in ordered if name.startswith("model 1")]
    assert len(visit.rows("control")) == 5, "controls are always shown"
    visit.page.locator(".tools input[type=search]").fill("nobody of that name")
    assert visit.page.locator(".none-left").is_visible()


@pytest.mark.browser
def test_columns_and_labels_are_chosen(browser: Any, fifty: Path) -> None:
    visit = Board(browser, fifty / "index.html")
    assert visit.heads() == TWENTY.split(",")
    visit.page.locator(".tools summary").click()
    visit.page.get_by_role("button", name="None").click()
    assert visit.heads() == []
    for metric in ("css", "fd_random"):
        visit.page.locator(f".choices input[value={metric}]").check()
    assert visit.heads() == ["css", "fd_random"]
    assert visit.page.locator(".view:not([hidden]) tbody.measured tr").first.locator("td:visible").count() == 2
    visit.page.keyboard.press("Escape")
    assert not visit.page.locator(".choices").is_visible()

    visit.page.locator(".tools select").select_option(index=2)
    assert visit.page.locator(".view:visible").count() == 1
    assert visit.page.locator(".view:visible h3").inner_text().startswith("Label 3+")
    assert visit.heads() == ["css", "fd_random"], "the columns stay chosen"
    assert visit.complaints == []


@pytest.mark.browser
def test_measured_and_published_rows_are_told_apart(browser: Any, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", Simulated({"mine": 1.0}, metrics="psnr,css", protocol="cssp2p-2025")).path
    visit = Board(
        browser, publish_site(make_leaderboard([run], LeaderboardConfig(published=("her2match",))), tmp_path / "site")
    )
    kinds = visit.page.locator(".tools select").first
    assert (len(visit.rows()), len(visit.rows("published"))) == (1, 7)
    kinds.select_option("measured")
    assert (len(visit.rows()), len(visit.rows("published"))) == (1, 0)
    kinds.select_option("published")
    assert (len(visit.rows()), len(visit.rows("published"))) == (0, 7)
    assert visit.complaints == []


@pytest.mark.browser
def test_it_prints_whole_and_without_its_tools(browser: Any, fifty: Path) -> None:
    visit = Board(browser, fifty / "index.html")
    visit.page.emulate_media(media="print")
    assert visit.page.locator(".tools:visible").count() == 0
    right = "all => Math.max(...all.map(one => one.getBoundingClientRect().right))"
    visit.page.set_viewport_size({"width": 1055, "height": 726})  # A4 across, without its margins, at 96 dpi
    assert visit.page.locator(".view:not([hidden]) td").evaluate_all(right) <= 1055
    pdf = visit.page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    sizes = {tuple(map(float, found)) for found in re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)}
    assert all(width > height for width, height in sizes), "across"
    assert sizes


@pytest.mark.browser
@pytest.mark.parametrize("width", [1300, 400])
def test_no_page_is_wider_than_the_screen(browser: Any, fifty: Path, width: int) -> None:
    for path in (fifty / "index.html", fifty / "models" / "01-model-49.html"):
        visit = Board(browser, path, width)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, path.name
        assert (visit.fetched, visit.complaints) == ([], [])


@pytest.mark.browser
def test_the_policy_stops_what_an_injection_would_do(browser: Any, fifty: Path, tmp_path: Path) -> None:
    """Prove that the guards of the tests above can fail: a request and a script are seen, and are refused."""
    attack = '<img src="https://example.org/x.png"><script>window.injected = 1; alert(3)</script></main>'
    path = tmp_path / "index.html"
    path.write_text((fifty / "index.html").read_text("utf-8").replace("</main>", attack), encoding="utf-8")
    visit = Board(browser, path)
    assert visit.page.evaluate("window.injected") is None
    assert len(visit.complaints) == 2
