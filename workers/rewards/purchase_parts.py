"""Parts of what is known of a purchase: the ledger entries that it made."""

from runtime.documents import Part


class Posted(Part):
    """The ledger entry that a purchase made for a unit; what takes it back points to it."""

    unit: str
    entry_id: str
