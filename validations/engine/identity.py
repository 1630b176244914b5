"""What makes a finding the same one in two files: the code, the field, and the record it stands at.

A record is known by the profile's primary key, else by its `record_id`; where the file has neither, or the cell is
empty, by everything that stands in its row. Of several equal findings at one record each has a number of its own, so
that two files can be compared as lists are.
"""

from collections.abc import Sequence

from validations.engine.forms import trimmed
from validations.engine.profile import Profile
from validations.engine.rules import literal
from validations.engine.values import TypedColumn

# The field by which records are known where the profile names no key.
RECORD_FIELD = "record_id"
_JOINED = "concat_ws(chr(31), {})"


def keyed_findings(profile: Profile, columns: Sequence[TypedColumn], kept: Sequence[int]) -> str:
    """The SELECT of `findings` with a column `key`: 63 bits that stay the same from version to version.

    Shape: `kept` are the columns of the file that stand in `typed_rows` as they are.
    """
    names = {column.index: column.field.name for column in columns if column.index is not None}
    cases = " ".join(f"WHEN {index} THEN {literal(name)}" for index, name in names.items())
    other = "coalesce(f.column_index::VARCHAR, '')"
    place = f"CASE f.column_index {cases} ELSE {other} END" if cases else other
    known = f"SELECT f.*, {_record_key(profile, columns)} AS record FROM findings f LEFT JOIN typed t ON t.row = f.row"
    cells = [column.field.column for column in columns if column.index is not None]
    cells += ["odd", *(f"k{index}" for index in kept)]
    whole = _JOINED.format(", ".join(["'row'", *(f"coalesce({cell}::VARCHAR, '')" for cell in cells)]))
    content = (
        f"SELECT row, {whole} AS content FROM typed_rows "
        "WHERE row IN (SELECT row FROM known WHERE record IS NULL)"
    )
    told = _JOINED.format(f"f.code, {place}, coalesce(f.record, r.content, '')")
    number = "row_number() OVER (PARTITION BY told ORDER BY row)"
    return (
        f"WITH known AS ({known}), told AS (SELECT f.*, {told} AS told FROM known f "
        f"LEFT JOIN ({content}) r ON r.row = f.row) "
        f"SELECT *, (md5_number_lower({_JOINED.format(f'told, {number}')}) >> 1)::BIGINT AS key FROM told"
    )


def _record_key(profile: Profile, columns: Sequence[TypedColumn]) -> str:
    """The SQL of the text by which the record in `t` is known; NULL where it has no key."""
    present = {column.field.name: column for column in columns if column.index is not None}
    names = profile.primary_key or (RECORD_FIELD,)
    if not all(name in present for name in names):
        return "NULL::VARCHAR"
    cells = [_cell(present[name]) for name in names]
    filled = " AND ".join(f"{cell} <> ''" for cell in cells)
    joined = _JOINED.format(", ".join(["'key'", *cells]))
    return f"CASE WHEN {filled} THEN {joined} END"


def _cell(column: TypedColumn) -> str:
    value = f"t.{column.field.column}"
    return trimmed(f"coalesce({column.text.format(value)}, t.{column.field.name}_raw, '')")
