"""`python -m tests.contracts.golden --accept`: take new message types, and grown ones, into the golden files."""

import sys

from tests.contracts.golden import MESSAGES, accept


def main(arguments: list[str]) -> int:
    """Accept what is compatible; name what is not, and leave its file alone."""
    if arguments != ["--accept"]:
        print("usage: python -m tests.contracts.golden --accept", file=sys.stderr)
        return 2
    refused = 0
    for name, message_class in MESSAGES.items():
        try:
            done = accept(name, message_class)
        except ValueError as problem:
            refused += 1
            print(f"refused    {problem}", file=sys.stderr)
            continue
        if done != "unchanged":
            print(f"{done:10} {name}")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
