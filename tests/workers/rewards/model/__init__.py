"""A second telling of the rules, written for tests: plain numbers in dictionaries, nothing of the worker's own.

It knows three cards and four receipts under the rules of `programme.py` beside it. Each operation says whether the
rules allow it.
"""

from tests.workers.rewards.model.cards import Model
from tests.workers.rewards.model.sales import Back, Line
from tests.workers.rewards.model.switches import Switches

__all__ = ["Back", "Line", "Model", "Switches"]
