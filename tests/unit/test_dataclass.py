"""Our quick ``dataclass`` makes what the standard library's makes."""

import copy
import dataclasses
import pickle
from collections.abc import Callable
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


def test_a_mutable_default_is_refused() -> None:
    with pytest.raises(ValueError, match="mutable default"):

        @quick.dataclass
        class Wrong:
            a: list[int] = []  # noqa: RUF012 -- that is the point


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(TypeError, match=r"Slotted\.__init__\(\) missing 1 required positional argument: 'a'"):
        Slotted()  # type: ignore[call-arg]


def test_a_python_that_keeps_its_dataclasses_otherwise_makes_them_itself(monkeypatch):
    monkeypatch.setattr(quick, "_IS_KNOWN", False)
    monkeypatch.setattr(quick, "_made", None)  # calling it would fail

    @quick.dataclass(frozen=True)
    class Pair:
        left: int
        right: int = 2

    assert (Pair(1), dataclasses.fields(Pair)[1].default) == (Pair(1, 2), 2)
