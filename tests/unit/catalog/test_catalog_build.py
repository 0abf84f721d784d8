"""A mistake in the catalog is named by file, line, column and field, with what would be right."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from opsloop.catalog import Catalog
from stacks.constructs.catalog_build import SCHEMA, compile_catalog
from stacks.constructs.yaml_source import SourceError

GOOD = """\
defaults:
  environment: production
  owner: shop
  contact: shop@example.com
services:
  - name: web
    tier: 1
    dimensions: [http.route]
  - name: orders
    tier: 2
    owner: orders
"""


def compiled(tmp_path: Path, *texts: str) -> Catalog:
    for number, text in enumerate(texts):
        (tmp_path / f"part{number}.yaml").write_text(text)
    return Catalog.from_json(compile_catalog(tmp_path, root=tmp_path))


def faults(tmp_path: Path, *texts: str) -> list[str]:
    with pytest.raises(SourceError) as caught:
        compiled(tmp_path, *texts)
    return caught.value.faults


def test_our_own_catalog_declares_the_services_of_the_demo() -> None:
    catalog = Catalog.from_json(compile_catalog())
    assert set(catalog.services) == {"web", "orders", "payments"}


def test_defaults_fill_in_what_a_service_leaves_out(tmp_path: Path) -> None:
    catalog = compiled(tmp_path, GOOD)
    web, orders = catalog.service("web"), catalog.service("orders")
    assert (web.tier, web.owner, web.environment, web.dimensions) == (1, "shop", "production", ("http.route",))
    assert (orders.tier, orders.owner, orders.dimensions) == (2, "orders", ())
    assert (orders.series_limit, orders.availability_error_ratio) == (2000, 0.05)


def test_a_service_that_nobody_declared_has_the_lowest_tier(tmp_path: Path) -> None:
    unknown = compiled(tmp_path, GOOD).service("basket")
    assert (unknown.name, unknown.tier, unknown.owner, unknown.is_declared) == ("basket", 4, "nobody", False)


def test_what_holds_for_undeclared_services_can_be_decided(tmp_path: Path) -> None:
    unknown = compiled(tmp_path, GOOD, "undeclared: {owner: platform, series_limit: 10}\n").service("basket")
    assert (unknown.owner, unknown.series_limit, unknown.tier) == ("platform", 10, 4)


def test_services_may_be_spread_over_files(tmp_path: Path) -> None:
    more = "services:\n  - {name: payments, tier: 3}\n"
    assert set(compiled(tmp_path, GOOD, more).services) == {"web", "orders", "payments"}


def test_the_same_files_compile_to_the_same_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    assert compile_catalog(tmp_path, root=tmp_path) == compile_catalog(tmp_path, root=tmp_path)


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        (
            "tier: 1",
            "tier: 7",
            "part0.yaml:7:5: services[0].tier: 7 is wrong; write a whole number from 1 (users stop working without it) "
            "to 4 (nobody notices within a day), for example 2",
        ),
        (
            "tier: 1",
            "tier: high",
            'part0.yaml:7:5: services[0].tier: "high" is wrong; write a whole number from 1 (users stop working '
            "without it) to 4 (nobody notices within a day), for example 2",
        ),
        ("owner: orders", "onwer: orders", "part0.yaml:11:5: services[1].onwer: unknown field; did you mean owner?"),
        (
            "environment: production",
            "environment: prodution",
            "part0.yaml:2:3: defaults.environment: 'prodution' is not known; did you mean production?",
        ),
        (
            "environment: production",
            "environment: xyz",
            "part0.yaml:2:3: defaults.environment: 'xyz' is not known; "
            "write one of development, test, staging, production, demo",
        ),
        (
            "owner: orders",
            "owner: no",
            "part0.yaml:11:5: services[1].owner: false (a truth value; put the word in quotes if it is text) is wrong; "
            'write the team that answers for the service, for example "shop"',
        ),
        (
            "[http.route]",
            "[http.route, zone, http.route]",
            "part0.yaml:8:5: services[0].dimensions: http.route is written twice; name each once",
        ),
        (
            "[http.route]",
            "http.route",
            'part0.yaml:8:5: services[0].dimensions: "http.route" is wrong; write a list of attribute names that may '
            'tell series apart, each once, at most 16, for example ["http.route"]',
        ),
        ("  - name: web\n    tier", "  - tier", "part0.yaml:6:5: services[0]: the field name is missing"),
        (
            "name: orders",
            "name: web",
            "part0.yaml:9:5: services[1].name: web is already declared in part0.yaml:6; keep one",
        ),
        (
            "    tier: 2\n",
            "",
            "part0.yaml:9:5: services[1]: orders has no tier; add it here or under defaults",
        ),
        (
            "    tier: 2\n",
            "    tier: 2\n    tier: 3\n",
            "part0.yaml:11:5: services[1].tier: written twice, first in line 10",
        ),
        (
            "    tier: 2\n",
            "    tier: 2\n    availability_error_ratio: 0\n",
            "part0.yaml:11:5: services[1].availability_error_ratio: 0 is wrong; write the error ratio above "
            "which a minute counts as down; above 0 and at most 1, for example 0.05",
        ),
        ("services:\n", "servises:\n", "part0.yaml:5:1: servises: unknown field; did you mean services?"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_would_be_right(
    wrong: str, right: str, expected: str, tmp_path: Path
) -> None:
    assert wrong in GOOD
    assert faults(tmp_path, GOOD.replace(wrong, right)) == [expected]


def test_broken_yaml_is_named_with_its_place(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "services:\n  - name: 'web\n")
    assert fault.startswith("part0.yaml:3:1: not YAML: ")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("tier: 1", "tier: 9").replace("owner: orders", "onwer: orders")
    assert [fault.split(": ")[1] for fault in faults(tmp_path, text)] == ["services[0].tier", "services[1].onwer"]


def test_defaults_stand_in_one_file_only(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, GOOD, "defaults: {owner: other}\n")
    assert fault == "part1.yaml:1:1: defaults: already in part0.yaml; keep one"


def test_an_empty_file_is_no_mistake(tmp_path: Path) -> None:
    assert set(compiled(tmp_path, GOOD, "# nothing yet\n").services) == {"web", "orders"}


def test_the_published_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


CHANNELS = """\
channels:
  - {name: shop-mail, kind: mail, to: [shop@example.com], min_severity: critical, services: [web]}
  - {name: shop-slack, kind: slack, secret: slack-shop}
"""


def test_a_channel_tells_where_and_what_is_told(tmp_path: Path) -> None:
    mail, slack = compiled(tmp_path, GOOD, CHANNELS).channels
    assert (mail.name, mail.kind, mail.to, mail.services) == ("shop-mail", "mail", ("shop@example.com",), ("web",))
    assert (slack.secret, slack.min_severity, slack.services) == ("slack-shop", "info", ())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{name: m, kind: mail}", "channels[0]: the field to is missing"),
        ("{name: s, kind: slack}", "channels[0]: the field secret is missing"),
        ("{name: m, kind: fax, to: [a@b.example]}", "'fax' is not known"),
        ('{name: m, kind: mail, to: ["a@b.example\\r\\nBcc: c@d.example"]}', "write a mail address"),
        (
            "{name: m, kind: mail, to: [a@b.example], services: [wep]}",
            "wep is not a declared service; did you mean web?",
        ),
    ],
)
def test_a_faulty_channel_is_named_with_what_would_be_right(tmp_path: Path, line: str, said: str) -> None:
    (fault,) = faults(tmp_path, GOOD, f"channels:\n  - {line}\n")
    assert fault.startswith("part1.yaml:2:")
    assert said in fault


def test_two_channels_of_one_name_are_refused(tmp_path: Path) -> None:
    again = CHANNELS.replace("shop-slack", "shop-mail")
    assert "shop-mail is already declared" in faults(tmp_path, GOOD, again)[0]


def test_a_runbook_is_a_url(tmp_path: Path) -> None:
    page = "https://wiki.example.com/web"
    assert compiled(tmp_path, GOOD.replace("tier: 1", f"tier: 1\n    runbook: {page}")).service("web").runbook == page
    (fault,) = faults(tmp_path, GOOD.replace("tier: 1", "tier: 1\n    runbook: 'javascript:alert(1)'"))
    assert "runbook" in fault
