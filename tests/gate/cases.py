"""The cases of a gate: one accepted table, what a run (or the baseline) is changed by, and what must be found.

The accepted table has eight numbers: four metrics of one model, one of them of a label too, another model, two of a
control. Whatever a case does not name must be found equal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.records import record
from vstain_bench.results.table import Controls, Inputs, Protocol, Row, Table

SIGNATURES = {
    "ssim": "ssim|cmp:generated-real|win:gaussian11|sigma:1.5|v:1",
    "fid": "fid|cmp:generated-real|encoder:inception|v:1",
    "psnr": "psnr|cmp:generated-real|range:1|mean:dB|v:1",
    "dab_od_bias": "dab_od_bias|cmp:generated-real|background:tile|v:1",
    "mae": "mae|cmp:generated-real|range:1|v:1",
}
BETTER = {"fid": "lower", "mae": "lower", "dab_od_bias": "target"}
UNITS = {"psnr": "dB", "dab_od_bias": "OD"}
MINE, OTHER, CONTROL = "mine", "other", "control:mean-colour"
HOSTILE = "<b>|x\n::error title=a,b::boo\x1b[31m --> ](javascript:1) %0A \"quoted\" 'single' & \\ ##[error]"
VALUES = {
    (MINE, "fid", None): 40.0,
    (MINE, "ssim", None): 0.50,
    (MINE, "psnr", None): 20.0,
    (MINE, "dab_od_bias", None): -0.020,
    (MINE, "ssim", "3+"): 0.60,
    (OTHER, "ssim", None): 0.45,
    (CONTROL, "ssim", None): 0.40,
    (CONTROL, "fid", None): None,
}
Change = Callable[[Table], Table]


def row(model: str, metric: str, label: str | None = None, value: float | None = 0.5, **given: object) -> Row:
    """Return a row over 12 tiles with an interval of 10 % on either side."""
    shared = {
        "model": model, "metric": metric, "label": label, "tiles": 4 if label else 12, "groups": 3,
    }  # fmt: skip
    if value is None:
        shared |= {"status": "undefined", "reason": "real tiles in another order are the same set"}
    else:
        half = abs(value) / 10
        shared |= {"value": value, "sd": 0.1, "low": value - half, "high": value + half, "interval": "bootstrap"}
    return Row.model_validate(shared | given)


def accepted() -> Table:
    """Return the accepted table."""
    return Table(
        protocol=Protocol(name="case"),
        inputs=Inputs(
            tiles=12, groups=3, labels={"0": 8, "3+": 4}, mpp=(0.5,), sizes=("64×64",), has_source=True, skipped=0,
            partial=False, digest="ab" * 32,
        ),
        controls=Controls(tiles=6, seed=0),
        models=(MINE, OTHER),
        warnings=("3 groups: intervals over fewer than 10 patients are unreliable.",),
        metrics=tuple(
            record(
                signature, better=BETTER.get(name, "higher"), unit=UNITS.get(name, ""),
                perfect=0.0 if BETTER.get(name) == "target" else None,
            )
            for name, signature in SIGNATURES.items()
        ),
        rows=tuple(row(*key, value=value) for key, value in VALUES.items()),
    )  # fmt: skip


def put(model: str, metric: str, label: str | None = None, **changes: object) -> Change:
    """Return a change of the fields of one row."""

    def change(table: Table) -> Table:
        key = (model, metric, label)
        found = [(each.model, each.metric, each.label) for each in table.rows]
        assert key in found
        rows = [
            Row.model_validate(each.model_dump() | changes) if at == key else each
            for at, each in zip(found, table.rows, strict=True)
        ]
        return table.model_copy(update={"rows": tuple(rows)})

    return change


def define(metric: str, signature: str = "", **changes: object) -> Change:
    """Return a change of what a metric is."""

    def change(table: Table) -> Table:
        own = table.metric(metric)
        made = record(signature or own.signature, better=own.better, unit=own.unit, perfect=own.perfect)
        made = made.model_copy(update=changes)
        return table.model_copy(update={"metrics": tuple(made if each is own else each for each in table.metrics)})

    return change


def drop(model: str | None = None, metric: str | None = None, label: str | None = None) -> Change:
    """Return a change that leaves out all rows of a model, metric or label."""

    def change(table: Table) -> Table:
        rows = [
            each
            for each in table.rows
            if not all(
                wanted in (None, own)
                for wanted, own in ((model, each.model), (metric, each.metric), (label, each.label))
            )
        ]
        assert len(rows) < len(table.rows)
        return table.model_copy(update={"rows": tuple(rows)})

    return change


def add(*rows: Row) -> Change:
    """Return a change that adds rows."""
    return lambda table: table.model_copy(update={"rows": (*table.rows, *rows)})


def inputs(**changes: object) -> Change:
    """Return a change of what was scored."""
    return lambda table: table.model_copy(update={"inputs": table.inputs.model_copy(update=changes)})


def rename(old: str, new: str) -> Change:
    """Return a change of a model's name."""

    def change(table: Table) -> Table:
        rows = [each.model_copy(update={"model": new}) if each.model == old else each for each in table.rows]
        models = tuple(new if each == old else each for each in table.models)
        return table.model_copy(update={"rows": tuple(rows), "models": models})

    return change


def several(*changes: Change) -> Change:
    """Return changes one after the other."""

    def change(table: Table) -> Table:
        for each in changes:
            table = each(table)
        return table

    return change


def none(table: Table) -> Table:
    """Return the table as it is."""
    return table


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        name: What it shows.
        kinds: How many findings of each kind beside ``same`` there must be.
        passed: Whether the gate passes.
        run: What the run differs by.
        baseline: What the baseline differs by.
        tolerances: The tolerances file, None for no file.
        says: Words that the texts must hold.
    """

    name: str
    kinds: Mapping[str, int]
    passed: bool
    run: Change = none
    baseline: Change = none
    tolerances: str | None = None
    says: tuple[str, ...] = field(default=())


LOST = {"value": None, "status": "unavailable", "reason": "weights are not here", "low": None, "high": None}
VOID = {"value": None, "low": None, "high": None, "status": "undefined", "reason": "one tile"}

CASES = (
    # agreement
    Case("equal", {"void": 1}, True, says=("The gate passes: 7 of 8 numbers",)),
    Case("numeric noise", {"void": 1, "within": 1}, True, put(MINE, "ssim", value=0.5 - 5e-7)),
    Case("noise of fid", {"void": 1, "within": 1}, True, put(MINE, "fid", value=40.049)),
    # worse and better, each direction
    Case("higher is better, fell", {"void": 1, "worse": 1}, False, put(MINE, "ssim", value=0.49),
         says=("ssim of model 'mine' fell from 0.5000 to 0.4900: worse by 0.0100, 1e-6 is allowed",)),
    Case("higher is better, rose", {"void": 1, "better": 1}, True, put(MINE, "ssim", value=0.51),
         says=("better by 0.0100", "so that what was gained is kept")),
    Case("lower is better, rose by 3 %", {"void": 1, "worse": 1}, False, put(MINE, "fid", value=41.2),
         says=("fid of model 'mine' rose from 40.00 to 41.20: worse by 1.20",)),
    Case("lower is better, fell", {"void": 1, "better": 1}, True, put(MINE, "fid", value=38.8)),
    Case("target, further", {"void": 1, "worse": 1}, False, put(MINE, "dab_od_bias", value=-0.030),
         says=("fell from -0.02000 to -0.03000 OD (further from 0)",)),
    Case("target, nearer", {"void": 1, "better": 1}, True, put(MINE, "dab_od_bias", value=-0.010)),
    Case("target, other side as far", {"void": 1, "within": 1}, True, put(MINE, "dab_od_bias", value=0.020)),
    Case("a label alone", {"void": 1, "worse": 1}, False, put(MINE, "ssim", "3+", value=0.55), says=("label '3+'",)),
    Case("a control", {"void": 1, "worse": 1}, False, put(CONTROL, "ssim", value=0.39),
         says=("control 'mean-colour'",)),
    # tolerances
    Case("a share holds", {"void": 1, "within": 1}, True, put(MINE, "fid", value=40.8), tolerances='fid = "2%"'),
    Case("a share is passed", {"void": 1, "worse": 1}, False, put(MINE, "fid", value=41.2), tolerances='fid = "2%"',
         says=("worse by 3.00%, 2% is allowed",)),
    Case("an amount holds at its edge", {"void": 1, "within": 1}, True, put(MINE, "psnr", value=19.95),
         tolerances='psnr = "0.05"'),
    Case("an amount is passed", {"void": 1, "worse": 1}, False, put(MINE, "psnr", value=19.94),
         tolerances='psnr = "0.05"', says=("worse by 0.0600, 0.05 is allowed",)),
    Case("ci holds", {"void": 1, "within": 1}, True, put(MINE, "psnr", value=18.1), tolerances='psnr = "ci"'),
    Case("ci is left", {"void": 1, "worse": 1}, False, put(MINE, "psnr", value=17.9), tolerances='psnr = "ci"',
         says=("outside the baseline's interval [18, 22]",)),
    Case("ci is left for better", {"void": 1, "better": 1}, True, put(MINE, "psnr", value=22.1),
         tolerances='psnr = "ci"'),
    Case("ci without an interval", {"void": 1, "incomparable": 1}, False, put(MINE, "psnr", value=19.999),
         put(MINE, "psnr", low=None, high=None, interval="none: fewer than two groups"), 'psnr = "ci"',
         ("the baseline has no interval (none: fewer than two groups)",)),
    Case("a model's section", {"void": 1, "within": 1, "worse": 1}, False,
         several(put(MINE, "ssim", value=0.45), put(OTHER, "ssim", value=0.40)),
         tolerances='[model.mine]\nssim = "20%"'),
    Case("ignored", {"void": 1, "ignored": 1}, True, put(MINE, "psnr", **LOST), tolerances='psnr = "ignore"'),
    # what is not there
    Case("a model is missing", {"void": 1, "missing": 5}, False, drop(MINE), says=("the run has no model 'mine'",)),
    Case("a metric is missing", {"missing": 2}, False, drop(metric="fid"), says=("the run has no metric fid",)),
    Case("a label is missing", {"void": 1, "missing": 1}, False, drop(label="3+"), says=("no tile of label '3+'",)),
    Case("a new metric", {"void": 1, "new": 1}, True, add(row(MINE, "mae")), says=("the baseline has no metric mae",)),
    Case("a renamed model", {"void": 1, "missing": 5, "new": 5}, False, rename(MINE, "mine2"),
         says=("Was 'mine' renamed to 'mine2'?",)),
    # without a value
    Case("no value any more", {"void": 1, "undefined": 1}, False, put(MINE, "psnr", **LOST),
         says=("unavailable, weights are not here", "never passes")),
    Case("no value in either is no pass", {"void": 1, "undefined": 1}, False, put(MINE, "psnr", **LOST),
         put(MINE, "psnr", **LOST)),
    Case("new and without a value", {"void": 1, "undefined": 1}, False, add(row(MINE, "mae", value=None))),
    Case("a value at last", {"void": 1, "new": 1}, True, baseline=put(MINE, "psnr", **LOST),
         says=("the baseline has no value (unavailable, weights are not here)",)),
    Case("a label without a value in both", {"void": 2}, True, put(MINE, "ssim", "3+", **VOID),
         put(MINE, "ssim", "3+", **VOID)),
    Case("a label without a value in other words", {"void": 2}, True,
         put(MINE, "ssim", "3+", **VOID | {"reason": "1 tile"}), put(MINE, "ssim", "3+", **VOID)),
    Case("a label without a value any more", {"void": 1, "undefined": 1}, False, put(MINE, "ssim", "3+", **VOID)),
    Case("a control that became unavailable", {"undefined": 1}, False, put(CONTROL, "fid", **LOST)),
    # not comparable
    Case("another parameter", {"void": 1, "incomparable": 4}, False,
         define("ssim", SIGNATURES["ssim"].replace("1.5", "2.0")),
         says=("sigma is 1.5 in the baseline and 2.0 in the run",)),
    Case("other tiles", {"incomparable": 8}, False, inputs(digest="cd" * 32), says=("but not the same ones",)),
    Case("other tiles and another parameter", {"incomparable": 8}, False,
         several(inputs(digest="cd" * 32), define("ssim", SIGNATURES["ssim"].replace("1.5", "2.0"))),
         says=("but not the same ones", "sigma is 1.5 in the baseline and 2.0 in the run")),
    Case("fewer tiles", {"incomparable": 8}, False, inputs(tiles=11, skipped=1),
         says=("12 tiles in the baseline and 11 in the run (1 left out in the run)",)),
    Case("a trial", {"incomparable": 8}, False, inputs(partial=True), says=("only the first tiles",)),
    Case("another pixel size", {"incomparable": 8}, False, inputs(mpp=(0.25,)), says=("the pixel size is 0.5 µm/px",)),
    Case("other tiles of the controls", {"incomparable": 2}, False,
         lambda table: table.model_copy(update={"controls": Controls(tiles=5, seed=0)}), says=("on 6 tiles (seed 0)",)),
    Case("fewer tiles of one metric", {"void": 1, "incomparable": 1}, False, put(MINE, "psnr", tiles=11)),
    Case("more identical tiles", {"void": 1, "incomparable": 1}, False, put(MINE, "psnr", tiles=11, infinite=1),
         says=("without a finite value",)),
    Case("another direction", {"void": 1, "incomparable": 4}, False, define("ssim", better="lower"),
         says=("better is 'higher' in the baseline and 'lower' in the run",)),
    # nothing to compare
    Case("nothing compared", {"ignored": 8}, False, tolerances='default = "ignore"',
         says=("no number could be compared",)),
    Case("all is new", {"new": 7, "void": 1, "missing": 0}, False, baseline=lambda table: table.model_copy(
        update={"rows": ()}), says=("no number could be compared",)),
    # names
    Case("a hostile model gets worse", {"void": 1, "worse": 1}, False,
         several(rename(MINE, HOSTILE), put(HOSTILE, "ssim", value=0.4)), rename(MINE, HOSTILE)),
    Case("a hostile model is missing", {"void": 1, "missing": 5}, False, drop(MINE), rename(MINE, HOSTILE)),
    Case("a hostile reason", {"void": 1, "undefined": 1}, False, put(MINE, "psnr", **LOST | {"reason": HOSTILE})),
)  # fmt: skip
