"""Read synthesised templates: resources by type, functions by name, and who may do what."""

import re
from collections.abc import Iterator
from typing import Any

Template = dict[str, Any]
_EXPORTED = re.compile(r"ExportsOutputFnGetAtt([A-Za-z]+?)[0-9A-F]{8}Arn")  # construct id, then the CDK's hash of it


def resources(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Return the resources of type ``AWS::<kind>``, by logical id."""
    return {id_: body for id_, body in template["Resources"].items() if body["Type"] == f"AWS::{kind}"}


def functions(templates: dict[str, Template]) -> dict[str, tuple[Template, str, dict[str, Any]]]:
    """Return (template, logical id, properties) of every function, by its folder's name."""
    found = {}
    for template in templates.values():
        for id_, body in resources(template, "Lambda::Function").items():
            found[body["Properties"]["Description"].removeprefix("opsloop ")] = (template, id_, body["Properties"])
    return found


def statements(template: Template, properties: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all policy statements of the role of the function with those ``properties``."""
    role = properties["Role"]["Fn::GetAtt"][0]
    found = []
    for body in resources(template, "IAM::Policy").values():
        if {"Ref": role} in body["Properties"]["Roles"]:
            found += body["Properties"]["PolicyDocument"]["Statement"]
    return found


def allowed(templates: dict[str, Template], name: str) -> dict[str, set[str]]:
    """Return the actions that the function ``name`` may do, by the state resource that they are for.

    A resource is named by the export it is imported through, such as ``Quarantine``; others are ``own`` or ``*``.
    """
    template, _, properties = functions(templates)[name]
    found: dict[str, set[str]] = {}
    for statement in statements(template, properties):
        assert statement["Effect"] == "Allow"
        for resource in _listed(statement["Resource"]):
            found.setdefault(_owner(resource), set()).update(_listed(statement["Action"]))
    return found


def _owner(resource: Any) -> str:
    if resource == "*":
        return "*"
    text = str(resource)
    if found := _EXPORTED.search(text):
        return f"{found[1]}/*" if "/*" in text else found[1]
    return "own"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def every(templates: dict[str, Template], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (logical id, resource) of that type in all stacks."""
    for template in templates.values():
        yield from resources(template, kind).items()
