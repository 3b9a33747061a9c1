"""Packages whose public names are loaded when they are first used."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def attributes(package: str, public: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of `package`, whose names are found where `public` says: "module" or "module:name"."""

    def get(name: str) -> Any:
        if name not in public:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, attribute = public[name].partition(":")
        value = importlib.import_module(module)
        return getattr(value, attribute) if attribute else value

    return get
