"""The decisions: five packages that never import each other."""

from contracts.programme import Programme
from runtime import decisions

Changes = decisions.Changes
Context = decisions.Context[Programme]
