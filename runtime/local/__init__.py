"""The local default: broker and database from pip packages as child processes, and what watches over them."""

from runtime.local.child import Child, LocalError, free_port
from runtime.local.servers import LocalServers
from runtime.local.supervisor import Role, Stage, Supervisor

__all__ = ["Child", "LocalError", "LocalServers", "Role", "Stage", "Supervisor", "free_port"]
