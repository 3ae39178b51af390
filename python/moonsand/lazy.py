"""Modules of Python's own that few recipes need are read when something of them is used."""
import importlib


class Module:
    """Stands for a module: `hashlib = lazy.Module("hashlib")`."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        return getattr(importlib.import_module(self._name), name)
