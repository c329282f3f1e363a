"""Placeholder."""


class Role: ...


class Supervisor: ...
