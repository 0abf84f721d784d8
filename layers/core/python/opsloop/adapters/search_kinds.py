"""What an index and those who use it must agree on: the kinds of its fields. Pure."""

from collections.abc import Mapping

from opsloop.search import IndexSpec, Kind


def described(spec: IndexSpec) -> dict[str, str]:
    """Return what must agree between an index and those who use it: the kinds of fields, and which is the time."""
    kinds = {
        name: f"{kind}:{spec.dimensions}" if kind == Kind.VECTOR else str(kind) for name, kind in spec.fields.items()
    }
    return kinds | {"@time": spec.time_field}


def changed_field(known: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Return which field is described otherwise than before, or ""."""
    for name, kind in wanted.items():
        if known.get(name, kind) != kind:
            return f"{name} is {known[name]} in the index and {kind} here"
    return ""
