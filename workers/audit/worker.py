"""The audit worker itself; `recording` files its handlers under it."""

from contracts.programme import Programme
from runtime.decisions import Worker
from workers.audit.documents import Chain, Entry

worker = Worker[Programme]("audit", documents=(Chain, Entry))
