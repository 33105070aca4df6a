"""Tables of earlier schemas, made into today's: the only place that knows what they looked like.

Schema 1.0 repeated signature, unit and direction in every row and said nothing else of a metric. What it did not say
stays null.
"""

import ast
import re
from collections.abc import Mapping

Json = Mapping[str, object]

_OVER_ENCODER = re.compile(r"^(fd|kd)_(?!random$)")
"""Distances over an encoder of the user's own, called by its name; ``fd_random`` and ``kd_random`` are metrics."""
_OF_METRIC = ("signature", "unit", "better")


def to_current(content: Json, current: str) -> Json:
    """Return the content of a table in the current schema.

    Raises:
        ValueError: its version is unknown, or it contradicts itself.
    """
    version = content.get("schema_version")
    if version == current:
        return content
    if version == "1.0":
        return {**_from_1_0(content), "schema_version": current}
    raise ValueError(f"schema_version {version!r}, expected {current!r} or '1.0'")


def _from_1_0(content: Json) -> Json:
    rows, protocol = content.get("rows"), content.get("protocol")
    if not isinstance(rows, list | tuple) or not isinstance(protocol, Mapping):
        raise ValueError("it lacks 'rows' or 'protocol'")
    found: dict[str, dict[str, object]] = {}
    for place, row in enumerate(rows):
        if not isinstance(row, Mapping) or not isinstance(row.get("signature"), str):
            raise ValueError(f"rows.{place} has no signature")
        if row.get("condition", "clean") != "clean":
            raise ValueError(f"rows.{place} has condition '{row['condition']}', expected 'clean'")
        said = {key: row[key] for key in _OF_METRIC if key in row}
        name = str(row.get("metric"))
        if found.setdefault(name, said) != said:
            raise ValueError(f"rows.{place} says of '{name}' {said}, an earlier row {found[name]}")
    asked = protocol.get("signatures")
    order = {signature: place for place, signature in enumerate(asked if isinstance(asked, list | tuple) else ())}
    lacking = next((said["signature"] for said in found.values() if said["signature"] not in order), None)
    if lacking is not None:
        raise ValueError(f"signature '{lacking}', expected one of protocol.signatures")
    return {
        **content,
        "protocol": {key: value for key, value in protocol.items() if key != "signatures"},
        "metrics": [
            describe(name, said) for name, said in sorted(found.items(), key=lambda each: order[each[1]["signature"]])
        ],
        "rows": [{key: value for key, value in row.items() if key not in (*_OF_METRIC, "condition")} for row in rows],
    }


def describe(name: str, said: Json) -> Json:
    """Return the record of a metric from its signature, and what rows of schema 1.0 said beside.

    Raises:
        ValueError: the signature is none, or of another metric.
    """
    signature = str(said["signature"])
    params = parse_signature(signature)
    own = signature.partition("|")[0]
    if own != name or "cmp" not in params or not params.get("v", "").isdecimal():
        raise ValueError(f"'{signature}' is no signature of '{name}'")
    over = _OVER_ENCODER.match(name)
    return {
        "name": name,
        "definition": over[1] if over else name,
        "params": {key: _value(value) for key, value in params.items() if key not in ("cmp", "v")},
        "version": int(params["v"]),
        "signature": signature,
        "compares": params["cmp"].split("-"),
        **{key: said[key] for key in ("unit", "better") if key in said},
    }


def parse_signature(signature: str) -> dict[str, str]:
    """Return the parts of a signature by name, ``cmp`` and ``v`` among them."""
    parameters: dict[str, str] = {}
    last = ""
    for part in signature.split("|")[1:]:
        key, colon, value = part.partition(":")
        if colon:
            parameters[key], last = value, key
        elif last:  # a value that holds a bar itself
            parameters[last] += f"|{part}"
    return parameters


def _value(text: str) -> str | int | float:
    """Return the number that a text is, or the text."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, int | float) and str(value) == text else text
