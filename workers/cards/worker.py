"""The cards worker itself."""

from contracts.programme import Programme
from runtime.decisions import Worker
from workers.cards.documents import Card, LinkedCards, Operator

worker = Worker[Programme]("cards", documents=(Card, LinkedCards, Operator))
