"""Other validators on the same file with equivalent checks; run in the peers' environment by benchmarks/engine.py.

`python -m benchmarks.peers.validators NAME FILE CHECKS`: CHECKS is a JSON list of label, whether the cell must be
filled, and the regular expression that all of it must fit. Prints how many cells failed.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

Checks = Sequence[tuple[str, bool, str]]


def _pandera_polars(path: Path, checks: Checks) -> int:
    import pandera.polars as pa
    import polars as pl

    frame = pl.read_csv(
        path,
        separator=";",
        encoding="latin-1",
        quote_char=None,
        infer_schema=False,
        truncate_ragged_lines=True,
    )
    schema = pa.DataFrameSchema(
        {
            label: pa.Column(str, pa.Check.str_matches(f"^(?:{shape})$"), nullable=not is_required)
            for label, is_required, shape in checks
        }
    )
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        return len(error.failure_cases)
    return 0


def _pandera_pandas(path: Path, checks: Checks) -> int:
    import pandera.pandas as pa

    schema = pa.DataFrameSchema(
        {
            label: pa.Column(str, pa.Check.str_matches(f"^(?:{shape})$"), nullable=not is_required)
            for label, is_required, shape in checks
        }
    )
    try:
        schema.validate(_frame(path), lazy=True)
    except pa.errors.SchemaErrors as error:
        return len(error.failure_cases)
    return 0


def _great_expectations(path: Path, checks: Checks) -> int:
    import great_expectations as gx
    from great_expectations import expectations as gxe

    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("files").add_dataframe_asset("file")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": _frame(path)})
    suite = gx.ExpectationSuite(name="billing")
    for label, is_required, shape in checks:
        suite.add_expectation(gxe.ExpectColumnValuesToMatchRegex(column=label, regex=f"^(?:{shape})$"))
        if is_required:
            suite.add_expectation(gxe.ExpectColumnValuesToNotBeNull(column=label))
    report = batch.validate(suite, result_format="COMPLETE")
    return sum(result.result["unexpected_count"] for result in report.results)


def _frame(path: Path) -> "object":
    import pandas as pd

    return pd.read_csv(path, sep=";", encoding="latin-1", dtype=str, quoting=3, on_bad_lines="skip")


PEERS: dict[str, Callable[[Path, Checks], int]] = {
    "pandera-polars": _pandera_polars,
    "pandera-pandas": _pandera_pandas,
    "great-expectations": _great_expectations,
}

if __name__ == "__main__":
    name, path, checks = sys.argv[1:]
    print(PEERS[name](Path(path), json.loads(checks)))
