"""The vault: one secret, and what is derived from it, a key for each purpose: codes, seals, draws.

Nothing that is derived is kept anywhere: who has the secret derives it again.
"""

import binascii
import hmac
import os
import secrets
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from pathlib import Path
from typing import Final, Self, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contracts.messages import Message
from contracts.values import SEAL
from runtime.settings import Settings

M = TypeVar("M", bound=Message)

READABLE: Final = "23456789abcdefghjkmnpqrstuvwxyz"
"""What nobody mistakes for something else."""
PASSWORD_LENGTH: Final = 12
LEAST_SECRET: Final = 32
"""Characters: `punchcard secret --create` makes 43 of them, which are 256 bits."""


class NoSecret(RuntimeError):
    """There is no secret to derive from; says where one is looked for."""


class Vault:
    """What is derived from one secret. Without one it can be passed around, but derives nothing."""

    def __init__(self, secret: bytes | None) -> None:
        self._secret = secret
        self._keys: dict[tuple[str, int], bytes] = {}

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The vault of a process: the secret that the settings give, else the one in their file, else none.

        Raises:
            NoSecret: the file is there and can't be used.
        """
        if settings.secret is not None:
            return cls(settings.secret.get_secret_value().encode())
        try:
            text = settings.secret_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return cls(None)
        except (OSError, UnicodeDecodeError) as error:
            raise NoSecret(f"{settings.secret_file} can't be read: {type(error).__name__}") from None
        if len(text) < LEAST_SECRET:
            raise NoSecret(f"{settings.secret_file} holds fewer than {LEAST_SECRET} characters")
        return cls(text.encode())

    @property
    def is_open(self) -> bool:
        """Whether there is a secret."""
        return self._secret is not None

    def key(self, purpose: str, length: int = 32) -> bytes:
        """The key of a purpose (HKDF-SHA256, RFC 5869): none of them tells anything of another.

        Raises:
            NoSecret: there is none to derive it from.
        """
        found = self._keys.get((purpose, length))
        if found is None:
            if self._secret is None:
                raise NoSecret("set PUNCHCARD_SECRET, or PUNCHCARD_SECRET_FILE to what `punchcard secret` made")
            kdf = HKDF(algorithm=SHA256(), length=length, salt=None, info=f"punchcard/{purpose}".encode())
            found = self._keys[purpose, length] = kdf.derive(self._secret)
        return found

    def code(self, purpose: str, code_id: str, address: str) -> str:
        """The six digits of a code: those of a HOTP value (RFC 4226, 5.3) over its purpose, id and address.

        Raises:
            NoSecret: there is none to derive it from.
        """
        mac = hmac.digest(self.key("codes"), f"{purpose}\n{code_id}\n{address}".encode(), "sha256")
        start = mac[-1] & 0x0F
        return f"{(int.from_bytes(mac[start : start + 4]) & 0x7FFF_FFFF) % 1_000_000:06d}"

    def token(self, purpose: str, token_id: str, address: str) -> str:
        """A text that nobody guesses, for a link: 26 characters of base 32, which are 128 bits.

        Raises:
            NoSecret: there is none to derive it from.
        """
        mac = hmac.digest(self.key("tokens"), f"{purpose}\n{token_id}\n{address}".encode(), "sha256")
        return b32encode(mac[:16]).decode().rstrip("=").lower()

    def password(self, purpose: str, password_id: str, address: str) -> str:
        """A password that people can type: 12 characters without lookalikes, which are 59 bits.

        Raises:
            NoSecret: there is none to derive it from.
        """
        mac = hmac.digest(self.key("passwords"), f"{purpose}\n{password_id}\n{address}".encode(), "sha512")
        number = int.from_bytes(mac)
        return "".join(READABLE[number // len(READABLE) ** place % len(READABLE)] for place in range(PASSWORD_LENGTH))

    def hashed(self, purpose: str, text: str) -> str:
        """A keyed hash of a text, in hexadecimal digits: who hasn't the secret can't try texts against it.

        Raises:
            NoSecret: there is none to hash it with.
        """
        return hmac.digest(self.key(f"hashes/{purpose}"), text.encode(), "sha256").hex()

    def hidden(self, digest: bytes) -> bytes:
        """A hash of a hash, of the same length, from which nobody guesses what was hashed who hasn't the secret.

        Without a secret, as in tests, it is the hash itself: workers and doors don't start without one.
        """
        if self._secret is None:
            return digest
        return blake2b(digest, digest_size=len(digest), key=self.key("digests")).digest()

    def sealed(self, text: str, bound_to: str) -> str:
        """A text that only this secret opens, and only where it was bound to (AES-SIV, RFC 5297).

        The same text bound to the same place gives the same seal: a command that is sent again stays the same.

        Raises:
            NoSecret: there is none to seal it with.
        """
        sealed = AESSIV(self.key("seals", 64)).encrypt(text.encode(), [bound_to.encode()])
        return SEAL + urlsafe_b64encode(sealed).decode().rstrip("=")

    def opened(self, sealed: str, bound_to: str) -> str | None:
        """What was sealed and bound to there; None where that isn't so.

        Raises:
            NoSecret: there is none to open it with.
        """
        if not sealed.startswith(SEAL):
            return None
        text = sealed.removeprefix(SEAL)
        try:
            raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return AESSIV(self.key("seals", 64)).decrypt(raw, [bound_to.encode()]).decode()
        except (InvalidTag, binascii.Error, ValueError):
            return None


NO_VAULT: Final = Vault(None)
"""For what needs none."""


def digest_of(message: Message, vault: Vault) -> bytes:
    """The digest by which a journal knows a message again; where something is personal nobody guesses it from that."""
    return vault.hidden(message.digest()) if message.personal else message.digest()


def with_seals(message: M, message_id: str, vault: Vault) -> M:
    """A message as it may travel: what nobody but its worker may read is sealed, bound to the message and the field.

    Raises:
        NoSecret: something has to be sealed, and there is no secret.
    """
    if not message.sealed:
        return message
    clear = {name: getattr(message, name) for name in message.sealed}
    seals = {name: vault.sealed(text, f"{message_id}/{name}") for name, text in clear.items() if text is not None}
    return message.model_copy(update=seals)


def ensure_secret(file: Path) -> bool:
    """Make a secret in a file that only its owner can read, unless there is one; says whether it did.

    Raises:
        OSError: it can't be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(secrets.token_urlsafe(32) + "\n")
    return True
