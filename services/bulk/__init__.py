"""Command files: many commands in one CSV file, checked, sent and answered row by row, as often as one likes."""

from services.bulk.adjustments import adjustment_rows
from services.bulk.cards import card_rows, draw
from services.bulk.numbers import NumberKey
from services.bulk.rows import InvalidFile, Row, Table, read_table
from services.bulk.sending import Sending, Unanswered
from services.bulk.writing import NEEDS_APPROVAL, outcome_file_of, write_outcomes

__all__ = [
    "NEEDS_APPROVAL",
    "InvalidFile",
    "NumberKey",
    "Row",
    "Sending",
    "Table",
    "Unanswered",
    "adjustment_rows",
    "card_rows",
    "draw",
    "outcome_file_of",
    "read_table",
    "write_outcomes",
]
