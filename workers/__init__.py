"""The decisions: five packages that never import each other."""

from runtime import decisions

Changes = decisions.Changes
