"""``vstain-bench schema``: the JSON Schema of results.json."""


def schema() -> int:
    """Print the JSON Schema of results.json, as shipped.

    Example: vstain-bench schema > results.schema.json
    """
    from vstain_bench.cli.output import print_json
    from vstain_bench.results.table import schema as results_schema

    print_json(results_schema())
    return 0
