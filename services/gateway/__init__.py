"""The gateway: HTTP for tills and apps."""

from runtime.settings import Settings


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then answer those who wait, and leave.

    Raises:
        PortTaken: another process listens there.
        KeysError: the keys file can't be used.
    """
    from services.gateway import server  # noqa: PLC0415  # who only makes keys needs no server

    await server.serve(settings)
