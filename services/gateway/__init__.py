"""The gateway: HTTP for tills and apps."""

from services.gateway.app import create_app
from services.gateway.server import running, serve

__all__ = ["create_app", "running", "serve"]
