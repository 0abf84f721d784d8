"""``dataclass`` as the standard library's, at a quarter of the import time: for what a cold start pays for.

Python 3.11 writes and compiles the source of six methods for each class, one by one, 0.5 ms together; fifty classes
were a third of the import of ``telemetry_ingest``. Here what runs often (``__init__``, ``__eq__``, ``__hash__``) is
written and compiled at one go, and the other methods are shared functions.
What is made are real dataclasses: ``fields``, ``replace``, ``asdict`` and type checkers know them. Options and classes
that this does not know are handed to the standard library.
"""

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, **options):
        """Return ``cls`` with the methods of a dataclass; used as ``@dataclass`` or ``@dataclass(frozen=True)``."""

        def wrap(cls):
            return _made(cls, **options) if _is_usual(cls, options) else dataclasses.dataclass(cls, **options)

        return wrap if cls is None else wrap(cls)


_OPTIONS = {"frozen", "order", "slots"}
_WRITTEN_BY_HAND = {"__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__lt__"}
_UNUSUAL = ("ClassVar", "InitVar", "KW_ONLY")
# What the standard library does not promise to keep; a Python without it makes its dataclasses itself.
_HAS_FACTORY: Any = getattr(dataclasses, "_HAS_DEFAULT_FACTORY", None)
_FIELD: Any = getattr(dataclasses, "_FIELD", None)
_PARAMS: Any = getattr(dataclasses, "_DataclassParams", None)
_IS_KNOWN = None not in (_HAS_FACTORY, _FIELD, _PARAMS)


def _is_usual(cls: type, options: dict[str, Any]) -> bool:
    """Return whether the class is one of those that are made here: no bases, nothing special about its fields."""
    if (
        not _IS_KNOWN
        or cls.__bases__ != (object,)
        or options.keys() - _OPTIONS
        or _WRITTEN_BY_HAND & cls.__dict__.keys()
    ):
        return False
    return not any(word in str(kind) for kind in getattr(cls, "__annotations__", {}).values() for word in _UNUSUAL)


def _made(cls: Any, *, frozen: bool = False, order: bool = False, slots: bool = False) -> Any:
    made = [_field(cls, name, kind) for name, kind in getattr(cls, "__annotations__", {}).items()]
    names = tuple(one.name for one in made)
    cls.__dataclass_fields__ = {one.name: one for one in made}
    cls.__dataclass_params__ = _params(frozen=frozen, order=order)
    setattr(cls, "__match_args__", names)  # noqa: B010 -- a type checker holds it for a constant of Any
    cls.__hash__ = None
    for name, method in _written(cls, made, frozen=frozen).items():
        method.__qualname__, method.__module__ = f"{cls.__qualname__}.{name}", cls.__module__
        setattr(cls, name, method)
    cls.__repr__ = _repr
    if order:
        for operator in ("__lt__", "__le__", "__gt__", "__ge__"):
            setattr(cls, operator, _comparison(names, operator))
    if frozen:
        cls.__setattr__, cls.__delattr__ = _refuse_to_assign, _refuse_to_delete
    return _with_slots(cls, names, frozen=frozen) if slots else cls


def _field(cls: Any, name: str, kind: Any) -> Any:
    default = cls.__dict__.get(name, dataclasses.MISSING)
    one: Any = default if isinstance(default, dataclasses.Field) else dataclasses.field(default=default)
    one.name, one.type, one._field_type, one.kw_only = name, kind, _FIELD, False
    if one.default is not dataclasses.MISSING:
        if type(one.default).__hash__ is None:
            raise ValueError(
                f"mutable default {type(one.default)} for field {name} is not allowed: use default_factory"
            )
        setattr(cls, name, one.default)
    elif isinstance(default, dataclasses.Field):
        delattr(cls, name)
    return one


def _written(cls: Any, made: list[Any], *, frozen: bool) -> dict[str, Any]:
    """Return ``__init__``, ``__eq__`` and, of a frozen class, ``__hash__``, made from source."""
    space: dict[str, Any] = {"_set": object.__setattr__, "_HAS_FACTORY": _HAS_FACTORY}
    parameters, lines = ["self"], []
    for one in made:
        value = one.name
        if one.default is not dataclasses.MISSING:
            space[f"_default_{one.name}"] = one.default
            parameters.append(f"{one.name}=_default_{one.name}")
        elif one.default_factory is not dataclasses.MISSING:
            space[f"_factory_{one.name}"] = one.default_factory
            parameters.append(f"{one.name}=_HAS_FACTORY")
            value = f"_factory_{one.name}() if {one.name} is _HAS_FACTORY else {one.name}"
        else:
            parameters.append(one.name)
        lines.append(f" _set(self, {one.name!r}, {value})" if frozen else f" self.{one.name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    ours, theirs = (f"({''.join(f'{who}.{one.name},' for one in made)})" for who in ("self", "other"))
    source = [f"def __init__({', '.join(parameters)}):", *(lines or [" pass"]), "def __eq__(self, other):"]
    source.append(f" return {ours} == {theirs} if other.__class__ is self.__class__ else NotImplemented")
    if frozen:
        source.append(f"def __hash__(self): return hash({ours})")
    exec("\n".join(source), space)  # noqa: S102 -- made of the names of our own fields
    return {name: space[name] for name in ("__init__", "__eq__", "__hash__") if name in space}


def _comparison(names: tuple[str, ...], operator: str) -> Any:
    def compare(self: Any, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        ours, theirs = (tuple(getattr(one, name) for name in names) for one in (self, other))
        return getattr(ours, operator)(theirs)

    return compare


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name, one in self.__dataclass_fields__.items() if one.repr)
    return f"{type(self).__qualname__}({shown})"


def _refuse_to_assign(_self: Any, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _with_slots(cls: Any, names: tuple[str, ...], *, frozen: bool) -> Any:
    """Return the class anew, since slots cannot be added to one that is made; frozen ones can be pickled."""
    content = {name: value for name, value in cls.__dict__.items() if name not in {*names, "__dict__", "__weakref__"}}
    content["__slots__"] = names
    if frozen:
        content["__getstate__"] = lambda self: [getattr(self, name) for name in names]
        content["__setstate__"] = _set_state
    again = type(cls)(cls.__name__, cls.__bases__, content)
    again.__qualname__ = cls.__qualname__
    return again


def _set_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__dataclass_fields__, state, strict=True):
        object.__setattr__(self, name, value)


def _params(*, frozen: bool, order: bool) -> Any:
    """Return what ``replace`` and tools read of the options."""
    names = ("init", "repr", "eq", "order", "unsafe_hash", "frozen", "match_args", "kw_only", "slots", "weakref_slot")
    chosen = {"init": True, "repr": True, "eq": True, "order": order, "frozen": frozen, "match_args": True}
    known = getattr(_PARAMS, "__slots__", names)
    return _PARAMS(**{name: chosen.get(name, False) for name in known})
