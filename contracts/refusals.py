"""The catalogue of refusals: every code, with the text that an operator sees; `{name}` is filled from the details."""

from typing import Final

REFUSALS: Final[dict[str, str]] = {
    # cards
    # registration
    # rewards
    # notifications
    # audit
}


def text_of(code: str, details: dict[str, object]) -> str:
    """The operator's text for a refusal; the bare code where the catalogue has none or a detail is missing."""
    try:
        return REFUSALS[code].format(**details)
    except (KeyError, IndexError):
        return code
