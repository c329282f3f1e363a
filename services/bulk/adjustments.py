"""Files of adjustments: what is added to which card, or deducted, and why."""

from typing import Final

from pydantic import ValidationError

from contracts.adjustments import AdjustBalance
from contracts.messages import problems
from contracts.programme import Programme
from services.bulk.rows import Row, Table

COLUMNS: Final = ("card_number", "unit", "amount", "reason", "comment", "expected_balance")
NEEDED: Final = ("card_number", "unit", "amount", "reason")


def adjustment_rows(table: Table, programme: Programme, operator_id: str) -> list[Row]:
    """A row's command for every row of a file of adjustments; rows that can't be right say why."""
    rows: list[Row] = []
    for number, cells in table.rows:
        given = {name: cell for name, cell in cells.items() if cell}
        command, problem = _read({**given, "operator_id": operator_id}, programme)
        rows.append(Row(number, cells.get("card_number", ""), table.id_of(number), command, problem))
    return rows


def _read(cells: dict[str, str], programme: Programme) -> tuple[AdjustBalance | None, str | None]:
    try:
        command = AdjustBalance.model_validate(cells)
    except ValidationError as error:
        return None, "; ".join(str(problem) for problem in problems(error, AdjustBalance.personal))
    rules = programme.rewards
    if command.unit not in rules.units:
        return None, f"unit: the programme has {', '.join(rules.units)}"
    if rules.adjustments.reason(command.reason) is None:
        return None, f"reason: the programme has {', '.join(each.code for each in rules.adjustments.reasons)}"
    return command, None
