"""`python -m services.cli`: the same as `punchcard`."""

from services.cli import main

main()
