"""``dataclass`` as the standard library's, at a tenth of the import time: for what a cold start pays for.

Python 3.11 writes and compiles the source of six methods for each class, one by one, 0.5 ms together; fifty classes
were a third of the import of ``telemetry_ingest``. Here what runs often (``__init__``, ``__eq__``, ``__hash__``) is
written and compiled at one go when one of them is first called, and the other methods are shared functions.
What is made are real dataclasses: ``fields``, ``asdict`` and type checkers know them. ``dataclasses`` itself, which
brings ``inspect`` and a tokenizer, 7 ms, is asked when somebody asks a class for its fields; so take ``field`` and
``replace`` from here, too. Options and classes that this does not know are handed to the standard library.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
else:

    def dataclass(cls=None, /, **options):
        """Return ``cls`` with the methods of a dataclass; used as ``@dataclass`` or ``@dataclass(frozen=True)``."""

        def wrap(cls):
            return _made(cls, options) if _is_usual(cls, options) else _handed_on(cls, options)

        return wrap if cls is None else wrap(cls)

    def field(**options):
        """Return what stands for a field's default, as ``dataclasses.field``."""
        return _Field(options)

    def replace(one, /, **changes):
        """Return ``one`` anew with other values of some fields; raise ``TypeError`` for names that it has not."""
        described = type(one).__dict__.get("__dataclass_fields__")
        if not isinstance(described, _Described):
            import dataclasses

            return dataclasses.replace(one, **changes)
        return type(one)(**{name: getattr(one, name) for name in described.names} | changes)


_OPTIONS = {"frozen", "order", "slots"}
_FIELD_OPTIONS = {"default", "default_factory", "repr"}
_WRITTEN_BY_HAND = {"__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__lt__"}
_OF_THE_CLASS = ("ClassVar", "typing.ClassVar")
_UNUSUAL = {"InitVar", "KW_ONLY", "_KW_ONLY_TYPE"}
_NONE = object()


class _Field:
    """A field's options, as they were given to ``field``."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    @property
    def default(self) -> Any:
        return self.options.get("default", _NONE)


class _Described:
    """The standard library's description of a class, made when it is first asked for: ``__dataclass_fields__``..."""

    def __init__(self, name: str, kinds: dict[str, Any], made: dict[str, _Field], options: dict[str, bool]) -> None:
        self.name, self.kinds, self.made, self.options = name, kinds, made, options
        self.names = tuple(kinds)
        self.written: dict[str, Callable[..., Any]] = {}
        self.standard: Any = None

    def __get__(self, _one: object, _cls: type) -> Any:
        return self.asked().__dataclass_fields__

    def asked(self) -> Any:
        """Return a class with the same fields that the standard library made."""
        if self.standard is None:
            import dataclasses

            space = {name: dataclasses.field(**one.options) for name, one in self.made.items()}
            kind = type(self.name, (), {"__annotations__": self.kinds, **space})
            self.standard = dataclasses.dataclass(**self.options)(kind)
        return self.standard


class _Parameters:
    """``__dataclass_params__``: the options, as tools read them."""

    def __init__(self, described: _Described) -> None:
        self.described = described

    def __get__(self, _one: object, _cls: type) -> Any:
        return self.described.asked().__dataclass_params__


class _Factory:
    """The default of a parameter whose value a factory makes."""

    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _Factory()


def optional_fields(kind: type) -> dict[str, bool]:
    """Return the names of a dataclass's fields in order, each with whether it has a default value."""
    described = kind.__dict__.get("__dataclass_fields__")
    if isinstance(described, _Described):
        return {name: described.made[name].default is not _NONE for name in described.names}
    import dataclasses

    return {one.name: one.default is not dataclasses.MISSING for one in dataclasses.fields(kind)}


def _is_usual(cls: type, options: dict[str, Any]) -> bool:
    """Return whether the class is one of those that are made here: no bases, nothing special about its fields."""
    if cls.__bases__ != (object,) or options.keys() - _OPTIONS or _WRITTEN_BY_HAND & cls.__dict__.keys():
        return False
    standard = getattr(sys.modules.get("dataclasses"), "Field", ())
    for name, kind in getattr(cls, "__annotations__", {}).items():
        default = cls.__dict__.get(name)
        if isinstance(default, _Field) and default.options.keys() - _FIELD_OPTIONS:
            return False
        if isinstance(default, standard) or _is_unusual(kind):
            return False
    return True


def _is_unusual(kind: Any) -> bool:
    if isinstance(kind, str):
        return any(word in kind for word in _UNUSUAL)
    return {getattr(kind, "__name__", ""), type(kind).__name__} & _UNUSUAL != set()


def _is_field(kind: Any) -> bool:
    """Return whether the annotation is that of a field, not of what belongs to the class."""
    if isinstance(kind, str):
        return not kind.startswith(_OF_THE_CLASS)
    return getattr(kind, "__origin__", kind) is not ClassVar


def _handed_on(cls: type, options: dict[str, Any]) -> type:
    """Return the class as the standard library makes it."""
    import dataclasses

    for name, value in list(cls.__dict__.items()):
        if isinstance(value, _Field):
            setattr(cls, name, dataclasses.field(**value.options))
    made: type = dataclasses.dataclass(**options)(cls)
    return made


def _made(cls: Any, options: dict[str, bool]) -> Any:
    kinds = {name: kind for name, kind in getattr(cls, "__annotations__", {}).items() if _is_field(kind)}
    made = {name: _field(cls, name) for name in kinds}
    names, frozen = tuple(kinds), options.get("frozen", False)
    described = _Described(cls.__name__, kinds, made, options)
    cls.__dataclass_fields__, cls.__dataclass_params__ = described, _Parameters(described)
    setattr(cls, "__match_args__", names)  # noqa: B010 -- a type checker holds it for a constant of Any
    cls.__hash__ = None
    for method in ("__init__", "__eq__", "__hash__") if frozen else ("__init__", "__eq__"):
        setattr(cls, method, _written_when_called(cls, method, described, frozen=frozen))
    cls.__repr__ = _representation([name for name, one in made.items() if one.options.get("repr", True)])
    if options.get("order"):
        for operator in ("__lt__", "__le__", "__gt__", "__ge__"):
            setattr(cls, operator, _comparison(names, operator))
    if frozen:
        cls.__setattr__, cls.__delattr__ = _refuse_to_assign, _refuse_to_delete
    return _with_slots(cls, names, frozen=frozen) if options.get("slots") else cls


def _field(cls: Any, name: str) -> _Field:
    default = cls.__dict__.get(name, _NONE)
    if isinstance(default, _Field):
        one = default
        delattr(cls, name)
    else:
        one = _Field({} if default is _NONE else {"default": default})
    if one.default is not _NONE:
        if type(one.default).__hash__ is None:
            raise ValueError(
                f"mutable default {type(one.default)} for field {name} is not allowed: use default_factory"
            )
        setattr(cls, name, one.default)
    return one


def _written_when_called(cls: Any, method: str, described: _Described, *, frozen: bool) -> Callable[..., Any]:
    """Return what has the method written when it is called, puts it in its own place, and calls it."""

    def first(self: Any, /, *given: Any, **named: Any) -> Any:
        home = next(kind for kind in type(self).__mro__ if vars(kind).get("__dataclass_fields__") is described)
        if not described.written:
            described.written = _written(cls, described.made, frozen=frozen)
        written = described.written[method]
        setattr(home, method, written)
        return written(self, *given, **named)

    return first


def _written(cls: Any, made: dict[str, _Field], *, frozen: bool) -> dict[str, Any]:
    """Return ``__init__``, ``__eq__`` and, of a frozen class, ``__hash__``, made from source."""
    space: dict[str, Any] = {"_set": object.__setattr__, "_FACTORY": _FACTORY}
    parameters, lines = ["self"], []
    for name, one in made.items():
        value = name
        if one.default is not _NONE:
            space[f"_default_{name}"] = one.default
            parameters.append(f"{name}=_default_{name}")
        elif "default_factory" in one.options:
            space[f"_factory_{name}"] = one.options["default_factory"]
            parameters.append(f"{name}=_FACTORY")
            value = f"_factory_{name}() if {name} is _FACTORY else {name}"
        else:
            parameters.append(name)
        lines.append(f" _set(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    ours, theirs = (f"({''.join(f'{who}.{name},' for name in made)})" for who in ("self", "other"))
    source = [f"def __init__({', '.join(parameters)}):", *(lines or [" pass"]), "def __eq__(self, other):"]
    source.append(f" return {ours} == {theirs} if other.__class__ is self.__class__ else NotImplemented")
    if frozen:
        source.append(f"def __hash__(self): return hash({ours})")
    exec("\n".join(source), space)  # noqa: S102 -- made of the names of our own fields
    methods: dict[str, Any] = {name: space[name] for name in ("__init__", "__eq__", "__hash__") if name in space}
    for name, method in methods.items():
        method.__qualname__, method.__module__ = f"{cls.__qualname__}.{name}", cls.__module__
    return methods


def _comparison(names: tuple[str, ...], operator: str) -> Any:
    def compare(self: Any, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        ours, theirs = (tuple(getattr(one, name) for name in names) for one in (self, other))
        return getattr(ours, operator)(theirs)

    return compare


def _representation(names: list[str]) -> Any:
    def represent(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return represent


def _refuse_to_assign(_self: Any, name: str, _value: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: Any, name: str) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _with_slots(cls: Any, names: tuple[str, ...], *, frozen: bool) -> Any:
    """Return the class anew, since slots cannot be added to one that is made; frozen ones can be pickled."""
    content = {name: value for name, value in cls.__dict__.items() if name not in {*names, "__dict__", "__weakref__"}}
    content["__slots__"] = names
    if frozen:

        def set_state(self: Any, state: list[Any]) -> None:
            for name, value in zip(names, state, strict=True):
                object.__setattr__(self, name, value)

        content["__getstate__"] = lambda self: [getattr(self, name) for name in names]
        content["__setstate__"] = set_state
    again = type(cls)(cls.__name__, cls.__bases__, content)
    again.__qualname__ = cls.__qualname__
    return again
