"""What a comparison is written as: strict JSON, tables that parse, a page that runs nothing, figures; same bytes."""

import base64
import csv
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.compare.studies import Study, write_study
from vstain_bench.cli.main import call
from vstain_bench.judge.compare.config import CompareConfig
from vstain_bench.judge.compare.job import compare
from vstain_bench.present.formats import render
from vstain_bench.present.numbers import p_value, signed
from vstain_bench.present.publish import publish_comparison
from vstain_bench.present.sentences.comparison import headline, notes, sentence, unit_of_test
from vstain_bench.present.subjects.comparison import document
from vstain_bench.results.comparison import Comparison

GROUPS = [f"p{number}" for number in range(9) for _ in range(2)]
LABELS = ["0", "3+"] * 9
HOSTILE = "<img src=x>$\\frac{1}{0}$|&_%\x1b[31m=1"


def draw(offset: float, seed: int) -> np.ndarray:
    return np.asarray(0.5 + offset + np.random.default_rng(seed).normal(0, 0.02, 18))


def write(path: Path, *, model: str = "theirs", labels: bool = True, grouped: bool = True) -> Path:
    features = {name: np.random.default_rng(seed).normal(0, 1, (18, 4)) for seed, name in enumerate(("mine", model))}
    given = Study(
        values={
            "mine": {"ssim": draw(0.1, 1), "psnr": draw(20, 2)}, model: {"ssim": draw(0.0, 3), "psnr": draw(20, 4)},
        },
        rows={name: {"kd_random": each} for name, each in features.items()},
        groups=GROUPS, labels=LABELS if labels else (), grouped=grouped,
    )  # fmt: skip
    return write_study(path, given).path


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compare([write(tmp_path_factory.mktemp("outputs") / "run")], CompareConfig(primary=("ssim",)))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compare([write(tmp_path_factory.mktemp("hostile") / "run", model=HOSTILE)], CompareConfig())


def test_json_is_strict_and_returns(found: Comparison) -> None:
    content = json.loads(found.to_json(), parse_constant=lambda word: pytest.fail(f"{word} in strict JSON"))
    assert Comparison.model_validate(content) == found
    assert content["schema_version"] == "1.1"
    assert "/" not in json.dumps([content["runs"], *notes(found)]), "no path of this machine"


def test_the_same_runs_give_the_same_bytes_wherever_they_lie(found: Comparison, tmp_path: Path) -> None:
    other = compare([write(tmp_path / "elsewhere" / "run")], CompareConfig(primary=("ssim",)))
    for name in ("terminal", "md", "latex", "csv", "json", "html"):
        assert render(document(other), name) == render(document(found), name), name


def test_csv_has_a_line_per_contrast(found: Comparison) -> None:
    lines = list(csv.DictReader(io.StringIO(render(document(found), "csv"))))
    assert len(lines) == len(found.contrasts)
    for line, each in zip(lines, found.contrasts, strict=True):
        assert line["metric"] == each.metric
        assert (float(line["difference"]) if line["difference"] else None) == each.difference
        assert line["verdict"] == each.verdict


def test_markdown_has_rectangular_tables(found: Comparison, hostile: Comparison) -> None:
    for comparison in (found, hostile):
        content = render(document(comparison), "md")
        rows = [line for line in content.splitlines() if line.startswith("|")]
        tests, labels = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in tests} == {9}
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in labels} == {4}
        groups = len({each.primary for each in comparison.overall()})
        assert len(tests) == len(labels) == 2 + groups + len(comparison.overall())
        assert "<img" not in content.replace(r"\<img", "")


def test_latex_has_as_many_cells_as_columns(found: Comparison, hostile: Comparison) -> None:
    for comparison in (found, hostile):
        content = render(document(comparison), "latex")
        rows = [line for line in content.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
        assert [len(re.findall(r"(?<!\\)&", line)) for line in rows] == [
            number for number in (7, 2) for _ in (0, *comparison.overall())
        ]
        bare = re.sub(r"\\[{}]", "", content)
        assert bare.count("{") == bare.count("}")
    assert r"\textbf{" in render(document(found), "latex")


class _Page(HTMLParser):
    """Collects the tags, and the text outside of style."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.style = ""
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside == "style" and not self.style:
            self.style = data
        else:
            self.text.append(data)


def read_page(comparison: Comparison) -> _Page:
    parser = _Page()
    parser.feed(render(document(comparison), "html"))
    return parser


def test_the_page_says_what_was_found(found: Comparison) -> None:
    content = read_page(found)
    words = " ".join("".join(content.text).split())
    for line in (*headline(found), *notes(found)):
        assert line in words
    charts = [attributes for tag, attributes in content.tags if tag == "figure"]
    assert len([each for each in charts if each.get("class") == "distribution"]) == 3
    assert len([each for each in charts if each.get("class") == "chart"]) == 2
    circles = [attributes for tag, attributes in content.tags if tag == "circle"]
    assert len(circles) == 3 * 3 + 2 * 2 * 9, "a dot for every difference, two for every patient"


def test_every_place_on_the_page_lies_on_its_axis(found: Comparison) -> None:
    for tag, attributes in read_page(found).tags:
        for name in ("cx", "cy", "x1", "x2", "y1", "y2"):
            value = attributes.get(name) or ""
            if tag in ("circle", "line") and value.endswith("%"):
                assert 0 <= float(value[:-1]) <= 100


def test_the_page_runs_nothing_and_shows_names_as_text(hostile: Comparison) -> None:
    content = read_page(hostile)
    assert not {tag for tag, _ in content.tags} & {"script", "img", "iframe", "object", "link"} - {"link"}
    policy = next(attributes["content"] for tag, attributes in content.tags if "http-equiv" in attributes)
    digest = base64.b64encode(hashlib.sha256(content.style.encode()).digest()).decode()
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "\x1b" not in render(document(hostile), "html")
    assert "<img src=x>" in "".join(content.text)
    assert not [attributes for _, attributes in content.tags if any(each.startswith("on") for each in attributes)]


@pytest.mark.parametrize("name", ["found", "hostile"])
def test_figures_are_files_of_their_kind_with_the_same_bytes(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    comparison = request.getfixturevalue(name)
    paths = publish_comparison(comparison, tmp_path / "one")
    again = publish_comparison(comparison, tmp_path / "two")
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]
    assert {path.name for path in paths} == {
        *(f"comparison.{extension}" for extension in ("html", "json", "csv", "md")),
        *(f"{stem}.{extension}" for stem in ("differences", "patients") for extension in ("png", "svg", "pdf")),
    }  # fmt: skip
    for path in paths:
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert min(image.size) > 300, image.size
        elif path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        elif path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF-")


def test_without_labels_or_patients_the_outputs_say_so(tmp_path: Path) -> None:
    bare = compare([write(tmp_path / "run", labels=False, grouped=False)], CompareConfig())
    assert unit_of_test(bare) == "tile"
    assert any("No patient or slide is known" in note for note in notes(bare))
    for name in ("terminal", "md", "latex", "csv", "json", "html"):
        content = render(document(bare), name)
        assert 'id="labels"' not in content
        assert "By label:" not in content
        assert "patients" not in content.replace("patients not known", "") or name in ("json", "html")


WORDS = [(1.0, 2, "+1.00"), (-0.004, 2, "0.00"), (0.0, 1, "0.0"), (-0.31, 1, "-0.3"), (1.3e-7, None, "+1.3e-07")]


@pytest.mark.parametrize(("number", "digits", "told"), WORDS)
def test_signed_numbers(number: float, digits: int | None, told: str) -> None:
    assert signed(number, digits) == told


def test_p_values_in_words() -> None:
    assert [p_value(p) for p in (None, 1e-9, 0.0625, 1.0)] == ["–", "<0.0001", "0.062", "1"]


def test_a_contrast_is_a_sentence(found: Comparison) -> None:
    one = found.find("theirs", "ssim")
    assert one is not None
    told = sentence(one, "patient")
    assert re.fullmatch(
        r"theirs against mine on ssim ↑: worse; -0\.\d+ \[-0\.\d+, -0\.\d+\], better in 0 of 9 patients, "
        r"p 0\.0039, adjusted 0\.0039\.",
        told,
    )


# --- command -------------------------------------------------------------------------------------------------------


def test_the_command_prints_data_on_stdout_and_writes_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write(tmp_path / "run")
    out = tmp_path / "out"
    assert call(["compare", str(run), "--primary", "ssim", "--json", "--out", str(out), "-q"]) == 0
    told = capsys.readouterr()
    assert told.out == (out / "comparison.json").read_text("utf-8")
    assert "differences.png" in told.err
    for name in ("md", "latex", "csv", "html"):
        assert call(["compare", str(run), "--primary", "ssim", "--format", name, "-q"]) == 0
        assert capsys.readouterr().out == render(document(Comparison.model_validate_json(told.out)), name)
    assert call(["compare", str(run), "-q"]) == 0
    assert "theirs against mine" in capsys.readouterr().out


CODES = [
    (["--reference", "mime"], 2, "Did you mean 'mine'"),
    (["--test", "t"], 2, "sign-flip"),
    (["--format", "xml"], 2, "format 'xml': unknown name"),
    (["--primary", "ssm"], 2, "Did you mean 'ssim'"),
]


@pytest.mark.parametrize(("options", "code", "words"), CODES, ids=str)
def test_faults_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, words: str
) -> None:
    assert call(["compare", str(write(tmp_path / "run")), "-q", *options]) == code
    told = capsys.readouterr()
    assert words in told.err
    assert told.out == ""


def test_runs_that_do_not_compare_exit_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write(tmp_path / "A")
    given = Study(values={"c": {"ssim": draw(0, 5)}}, groups=GROUPS, labels=LABELS, metrics="ssim(sigma=2.0)")
    other = write_study(tmp_path / "B", given).path
    assert call(["compare", str(first), str(other), "-q"]) == 3
    assert "ssim: sigma is 1.5 in A and 2.0 in B" in capsys.readouterr().err


def test_an_unwritable_folder_exits_6(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", "utf-8")
    assert call(["compare", str(write(tmp_path / "run")), "-q", "--out", str(tmp_path / "file" / "out")]) == 6


def test_real_tiles_of_two_models(bci_pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run B lacks a tile: scored alone it does not compare; scored together, three pairs do."""
    common = ["--real", str(bci_pairs / "IHC"), "--metrics", "ssim,psnr", "--controls", "0", "--on-error", "skip", "-q"]
    names = ("runA", "runB")
    folders = [f"{name}={bci_pairs / f'model_output_{name}'}" for name in names]
    codes = [
        call(["run", folder, *common, "--out", str(tmp_path / name)])
        for name, folder in zip(names, folders, strict=True)
    ]
    assert codes == [0, 4]
    capsys.readouterr()
    assert call(["compare", *(str(tmp_path / name) for name in names), "-q"]) == 3
    assert "4 tiles in runA and 3 in runB (1 left out in runB)" in capsys.readouterr().err
    assert call(["run", *folders, *common, "--out", str(tmp_path / "both")]) == 4
    capsys.readouterr()
    assert call(["compare", str(tmp_path / "both"), "-q", "--json"]) == 0
    found = Comparison.model_validate_json(capsys.readouterr().out)
    assert (found.tiles, found.groups) == (3, None)
    assert {each.verdict for each in found.overall()} == {"powerless"}
