"""What registration keeps of operators: which member one is."""

from typing import ClassVar

from runtime.documents import Document


class Operator(Document):
    """Somebody who works for the programme; the id is the actor's."""

    collection: ClassVar = "operators"

    member_id: str | None = None
    """Which member they are, if any; of one who was absorbed, that leads to the survivor."""
