"""The JSON Schemas of the files that other programs read; they ship beside the code that writes them."""

from collections.abc import Mapping

from pydantic import BaseModel

from vstain_bench.base.names import require_known
from vstain_bench.judge.stress.findings import Findings
from vstain_bench.results.table import Table

SCHEMAS: Mapping[str, type[BaseModel]] = {"results": Table, "stress": Findings}
"""The content of each file by its name, without the ``.json``."""


def read_schema(name: str) -> dict[str, object]:
    """Return the JSON Schema of a file.

    Raises:
        UsageError: there is none of that name.
    """
    require_known(name, SCHEMAS, where=f"schema {name}", found="no such schema")
    made = SCHEMAS[name].model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"vstain-bench {name}", **made}
