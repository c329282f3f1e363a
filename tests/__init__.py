"""Tests, and what runs beside them: all processes of a run derive their codes and seals from one secret."""

import os

os.environ.setdefault("PUNCHCARD_SECRET", "for-tests-and-benchmarks-never-elsewhere")
