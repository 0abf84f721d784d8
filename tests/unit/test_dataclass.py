"""Our quick ``dataclass`` makes what the standard library's makes."""

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from opsloop import dataclass as quick

OPTIONS = [
    {},
    {"frozen": True},
    {"frozen": True, "slots": True},
    {"slots": True},
    {"frozen": True, "order": True},
]


def both(make: Callable[[Any], Any], options: dict[str, bool]) -> tuple[Any, Any]:
    """Return the class as the standard library makes it, and as we do."""
    ours = make(lambda cls: quick.dataclass(cls, **options))
    return make(lambda cls: dataclasses.dataclass(cls, **options)), ours


def point(decorate: Callable[[type], type]) -> Any:
    @decorate
    class Point:
        """A place."""

        x: int
        name: str = "origin"
        tags: list[str] = dataclasses.field(default_factory=list)

        @property
        def double(self) -> int:
            return 2 * self.x

    return Point


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_instances_are_made_shown_and_compared_alike(options: dict[str, bool]) -> None:
    for given in [(1,), (1, "a"), (2, "a", ["t"])]:
        theirs, ours = (cls(*given) for cls in both(point, options))
        assert repr(ours) == repr(theirs)
        assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
        assert dataclasses.astuple(ours) == dataclasses.astuple(theirs)
        assert ours.double == theirs.double
    _, cls = both(point, options)
    assert cls(x=1) == cls(1, "origin", [])
    assert cls(1) != cls(2)
    assert cls(1) != (1, "origin", [])
    assert cls(1).tags is not cls(1).tags


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_standard_tools_know_it(options: dict[str, bool]) -> None:
    theirs, ours = both(point, options)
    assert dataclasses.is_dataclass(ours)
    described = [
        [(one.name, one.type, one.default, one.default_factory, one.init) for one in dataclasses.fields(cls)]
        for cls in (theirs, ours)
    ]
    assert described[0] == described[1]
    assert ours.__match_args__ == theirs.__match_args__ == ("x", "name", "tags")
    assert dataclasses.replace(ours(1), name="b") == ours(1, "b")
    assert copy.copy(ours(1, "c")) == ours(1, "c")
    assert hasattr(ours(1), "__dict__") == hasattr(theirs(1), "__dict__")


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_assignment_and_hash_are_refused_alike(options: dict[str, bool]) -> None:
    for cls in both(point, options):
        one = cls(1)
        if options.get("frozen"):
            with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
                one.x = 2
            with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
                del one.x
        else:
            one.x = 2
            assert one == cls(2)
        with pytest.raises(TypeError, match="unhashable"):  # a list is in it, or it may change
            hash(one)


def test_frozen_ones_hash_as_the_tuple_of_their_values() -> None:
    def pair(decorate: Callable[[type], type]) -> Any:
        @decorate
        class Pair:
            a: int
            b: str

        return Pair

    theirs, ours = both(pair, {"frozen": True, "order": True})
    assert hash(ours(1, "x")) == hash(theirs(1, "x"))
    unsorted = [(2, "a"), (1, "b"), (1, "a")]
    assert [(one.a, one.b) for one in sorted(ours(*each) for each in unsorted)] == sorted(unsorted)
    assert ours(1, "a") <= ours(1, "a") < ours(1, "b") > ours(1, "a") >= ours(1, "a")
    with pytest.raises(TypeError, match="not supported"):
        assert ours(1, "a") < (1, "b")


@quick.dataclass(frozen=True, slots=True)
class Slotted:
    a: int
    b: str = ""


def test_slotted_ones_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Slotted(1, "x"))) == Slotted(1, "x")  # noqa: S301 -- our own bytes


def test_after_init_comes_post_init() -> None:
    @quick.dataclass
    class Checked:
        a: int

        def __post_init__(self) -> None:
            if self.a < 0:
                raise ValueError("a")

    with pytest.raises(ValueError, match="a"):
        Checked(-1)


def test_what_is_unusual_is_left_to_the_standard_library() -> None:
    @quick.dataclass(frozen=True)
    class Event:
        TYPE: ClassVar[str] = "event"
        a: int

    @dataclasses.dataclass(frozen=True)
    class Base:
        a: int

    @quick.dataclass(frozen=True)
    class Derived(Base):
        b: int

    @quick.dataclass(eq=False)
    class Identity:
        a: int

    assert [one.name for one in dataclasses.fields(Event)] == ["a"]
    assert repr(Derived(1, 2)).endswith("Derived(a=1, b=2)")
    assert Identity(1) != Identity(1)


@pytest.mark.parametrize("kind", [dataclasses.InitVar[int], dataclasses.InitVar, "dataclasses.InitVar[int]"], ids=str)
def test_what_init_alone_takes_is_left_to_the_standard_library(kind: Any) -> None:
    cls = quick.dataclass(type("Taking", (), {"__annotations__": {"a": int, "b": kind}, "__post_init__": keep}))
    assert ([one.name for one in dataclasses.fields(cls)], cls(1, 2).a) == (["a"], 3)


def keep(self: Any, b: int) -> None:
    self.a += b


def test_fields_by_name_alone_are_left_to_the_standard_library() -> None:
    @quick.dataclass
    class Named:
        a: int
        _: dataclasses.KW_ONLY
        b: int = 2

    with pytest.raises(TypeError, match="positional"):
        Named(1, 2)  # type: ignore[misc]
    assert Named(1, b=3).b == 3


def test_a_mutable_default_is_refused() -> None:
    with pytest.raises(ValueError, match="mutable default"):

        @quick.dataclass
        class Wrong:
            a: list[int] = []  # noqa: RUF012 -- that is the point


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(TypeError, match=r"Slotted\.__init__\(\) missing 1 required positional argument: 'a'"):
        Slotted()  # type: ignore[call-arg]


def with_our_field(decorate: Callable[[type], type]) -> Any:
    @decorate
    class Part:
        LIMIT: ClassVar[int] = 3
        name: str
        tags: list[str] = quick.field(default_factory=list)
        secret: str = quick.field(default="s", repr=False)
        weight: int = quick.field(default=1, compare=False)  # an option that only the standard library knows

    return Part


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_our_field_and_replace_are_the_standard_ones(options: dict[str, bool]) -> None:
    part = with_our_field(lambda cls: quick.dataclass(cls, **options))
    ours = part("a", ["t"])
    assert repr(ours).endswith("Part(name='a', tags=['t'], weight=1)")
    assert [one.name for one in dataclasses.fields(part)] == ["name", "tags", "secret", "weight"]
    assert part("a", weight=2) == part("a", weight=3)
    assert quick.replace(ours, name="b") == dataclasses.replace(ours, name="b") == part("b", ["t"])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_replace_takes_the_classes_of_both_and_names_what_is_wrong(options: dict[str, bool]) -> None:
    for cls in both(point, options):
        one = cls(1, "a", ["t"])
        changed = quick.replace(one, x=2)
        assert (changed, changed.tags is one.tags) == (cls(2, "a", ["t"]), True)
        with pytest.raises(TypeError, match="unexpected keyword argument 'y'"):
            quick.replace(one, y=2)


def test_what_the_class_keeps_for_itself_is_no_field() -> None:
    @quick.dataclass(frozen=True)
    class Event:
        TYPE: ClassVar[str] = "event"
        KIND: "ClassVar[str]" = "told"
        a: int

    assert isinstance(vars(Event)["__dataclass_fields__"], quick._Described)  # it was made here
    assert ([one.name for one in dataclasses.fields(Event)], Event(1).TYPE, Event(1).KIND) == (["a"], "event", "told")


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_standard_class_and_a_plain_one_may_be_derived(options: dict[str, bool]) -> None:
    for cls in both(point, options):
        derived = dataclasses.dataclass(**options)(type("Derived", (cls,), {"__annotations__": {"y": int}, "y": 5}))

        class Plain(cls):  # type: ignore[misc]
            def shown(self) -> str:
                return f"{self.x} {self.name}"

        assert [one.name for one in dataclasses.fields(derived)] == ["x", "name", "tags", "y"]
        assert (derived(1).y, derived(1) == derived(1), derived(1) == cls(1)) == (5, True, False)
        assert (Plain(1).shown(), Plain(1) == Plain(1), quick.replace(Plain(1), x=2).shown()) == (
            "1 origin",
            True,
            "2 origin",
        )


@pytest.mark.parametrize("first", ["__init__", "__eq__", "__hash__"])
def test_each_method_is_written_when_it_is_first_called_and_stays(first: str) -> None:
    @quick.dataclass(frozen=True)
    class Pair:
        a: int
        b: str = "x"

    one = object.__new__(Pair)
    object.__setattr__(one, "a", 1)
    object.__setattr__(one, "b", "x")
    before = vars(Pair)[first]
    called: Any = {"__init__": lambda: Pair(1), "__eq__": lambda: one == one, "__hash__": lambda: hash(one)}[first]
    expected = {"__init__": one, "__eq__": True, "__hash__": hash((1, "x"))}[first]
    assert (called(), called()) == (expected, expected)
    assert vars(Pair)[first] is not before
    assert vars(Pair)[first].__qualname__.endswith(f"Pair.{first}")
    assert before(one, *{"__init__": (1,), "__eq__": (one,), "__hash__": ()}[first]) in {None, True, hash((1, "x"))}


def test_which_fields_are_optional_is_told_of_both() -> None:
    for cls in both(point, {}):
        assert quick.optional_fields(cls) == {"x": False, "name": True, "tags": False}


USE = """
import sys
from opsloop.dataclass import dataclass, field, optional_fields, replace

@dataclass(frozen=True, slots=True)
class Part:
    name: str
    tags: list = field(default_factory=list)

assert replace(Part("a"), name="b") == Part("b") and list(optional_fields(Part)) == ["name", "tags"] and repr(Part("a"))
print(sorted({"dataclasses", "inspect"} & set(sys.modules)))
import dataclasses
print([one.name for one in dataclasses.fields(Part)])
"""


def test_the_standard_module_is_loaded_when_it_is_asked() -> None:
    package = str(Path(quick.__file__).parents[1])
    script = f"import sys; sys.path.insert(0, {package!r})\n{USE}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["[]", "['name', 'tags']"], done.stderr
