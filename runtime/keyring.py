"""The keyring: where a worker finds persons' keys, its own and others'; read anew each time, and kept by nobody."""

from collections.abc import Sequence

from runtime.documents import Slot, View
from runtime.persons import PersonKey, new_key
from runtime.store import Store


class Keyring:
    """The keys of persons, as one worker may see them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, worker: str, persons: Sequence[str]) -> dict[str, bytes]:
        """The keys that a worker keeps of these persons; of who was removed there is none.

        Of all that another worker keeps this alone is read.

        Raises:
            Away: MongoDB can't be reached.
        """
        found = await self._store.reader_of(worker).find(PersonKey, {"_id": {"$in": list(persons)}}, limit=0)
        return {each.id: each.key for each in found}

    async def at_hand(self, name: str) -> bytes:
        """A key of the worker's own, for what is said outside of a batch's transaction; a new one if there is none.

        Raises:
            Away: MongoDB can't be reached.
            Conflict: somebody else has just made one: ask again.
        """
        slot: Slot = (PersonKey, name)
        view = View()
        async with self._store.transaction() as transaction:
            await transaction.load([[slot]], view)
            found = view.at(slot)
            if isinstance(found, PersonKey):
                return found.key
            made = new_key(name)
            view.take({slot: made}, [])
            await transaction.commit(view, [])
        return made.key
