"""Databases, objectives, retention classes and disasters: what is filled in, and what is refused with which words."""

import re
from pathlib import Path

import pytest

from opsloop.catalog import Assertion, BackupSource, Catalog, Disaster, DrillStep, RetentionClass
from stacks.constructs.catalog_build import compile_catalog
from stacks.constructs.yaml_source import SourceError

SERVICES = """\
services:
  - {name: web, tier: 1, owner: shop, contact: shop@example.com, environment: production}
"""
DATABASE = "databases:\n  - {name: shop, service: web, tier: 2}\n"


def compiled(tmp_path: Path, text: str) -> Catalog:
    (tmp_path / "catalog.yaml").write_text(SERVICES + text)
    return Catalog.from_json(compile_catalog(tmp_path, root=tmp_path))


def test_a_database_has_the_objectives_of_its_tier_and_the_usual_schedule(tmp_path: Path) -> None:
    declared = "".join(f"  - {{name: db{tier}, service: web, tier: {tier}}}\n" for tier in (1, 2, 3))
    found = compiled(tmp_path, "databases:\n" + declared).databases
    in_minutes = {name: (one.rpo_s / 60, one.rto_s / 60) for name, one in found.items()}
    assert in_minutes == {"db1": (5, 60), "db2": (15, 4 * 60), "db3": (60, 24 * 60)}
    one = found["db1"]
    assert (one.every_h, one.format, one.retention, one.source_name, one.secret) == (6, "custom", "standard", "db1", "")
    assert (one.schemas, one.assertions, one.sources, one.legal_hold, one.object_lock_days) == ((), (), (), False, 0)


def test_objectives_of_a_tier_can_be_decided_and_those_of_a_database_go_before(tmp_path: Path) -> None:
    text = (
        "objectives:\n  - {tier: 2, rpo_s: 60, rto_s: 120}\n"
        "databases:\n  - {name: usual, service: web, tier: 2}\n  - {name: own, service: web, tier: 2, rpo_s: 30}\n"
    )
    found = compiled(tmp_path, text).databases
    assert (found["usual"].rpo_s, found["usual"].rto_s) == (60, 120)
    assert (found["own"].rpo_s, found["own"].rto_s) == (30, 120)


def test_assertions_and_sources_come_as_they_are_written(tmp_path: Path) -> None:
    text = (
        "databases:\n  - name: shop\n    service: web\n    tier: 1\n    source_name: shop_production\n"
        "    assertions:\n      - {name: some, sql: SELECT true}\n"
        "    sources:\n      - {kind: rds, instance: shop-1}\n      - {kind: walg, report: reports/shop/walg.json}\n"
    )
    one = compiled(tmp_path, text).databases["shop"]
    assert one.source_name == "shop_production"
    assert one.assertions == (Assertion("some", "SELECT true"),)
    assert one.sources == (
        BackupSource("rds", instance="shop-1"),
        BackupSource("walg", report="reports/shop/walg.json"),
    )


def test_the_standard_class_is_thirty_days_and_only_suggests(tmp_path: Path) -> None:
    assert compiled(tmp_path, DATABASE).retention == {
        "standard": RetentionClass("standard", "rolling", mode="suggest", days=30, minimum=3)
    }


def test_the_standard_class_may_be_declared_anew(tmp_path: Path) -> None:
    text = "retention:\n  - {name: standard, policy: full, keep: 5}\n"
    assert compiled(tmp_path, text).retention["standard"] == RetentionClass("standard", "full", keep=5)


def test_a_disaster_has_the_steps_that_it_was_given(tmp_path: Path) -> None:
    text = DATABASE + (
        "disasters:\n  - name: lost\n    databases: [shop]\n"
        "    steps:\n      - {phase: assess, do: Look., target_minutes: 5}\n      - {phase: validate, do: Count.}\n"
    )
    steps = (DrillStep("assess", "Look.", 5), DrillStep("validate", "Count."))
    assert compiled(tmp_path, text).disasters == {"lost": Disaster("lost", ("shop",), steps=steps)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("databases:\n  - {name: shop, service: wbe, tier: 1}\n", "wbe is not a declared service; did you mean web?"),
        ("databases:\n  - {name: shop, service: web, tier: 4}\n", "4 is wrong; write a whole number from 1"),
        ("databases:\n  - {name: shop, service: web, tier: 1, every_h: 5}\n", "5 is not known; write one of 0.25, 0.5"),
        (
            "databases:\n  - {name: shop, service: web, tier: 1, retention: standart}\n",
            "standart is not a retention class; did you mean standard?",
        ),
        (
            "databases:\n  - {name: shop, service: web, tier: 1, sources: [{kind: rds}]}\n",
            "the field instance is missing",
        ),
        (
            "databases:\n  - {name: shop, service: web, tier: 1, sources: [{kind: barman}]}\n",
            "the field report is missing",
        ),
        ("retention:\n  - {name: long, policy: rolling}\n", "the field days is missing"),
        ("retention:\n  - {name: long, policy: full}\n", "the field keep is missing"),
        ("retention:\n  - {name: long, policy: gfs}\n", "at least one of daily, weekly, monthly, yearly"),
        ("disasters:\n  - {name: lost, databases: [shop]}\n", "shop is not a declared database"),
        (DATABASE + "  - {name: shop, service: web, tier: 1}\n", "shop is already declared in catalog.yaml"),
        (
            "objectives:\n  - {tier: 1, rpo_s: 1, rto_s: 1}\n  - {tier: 1, rpo_s: 2, rto_s: 2}\n",
            "1 is already declared",
        ),
    ],
)
def test_a_mistake_is_named_with_what_would_be_right(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SourceError) as caught:
        compiled(tmp_path, text)
    assert [said in fault for fault in caught.value.faults] == [True]


def test_a_database_is_not_called_as_a_path_of_the_api(tmp_path: Path) -> None:
    stack = Path(__file__).parents[3] / "stacks" / "backup_stack.py"
    taken = set(re.findall(r'"[A-Z]+ /v1/backups/([a-z]+)', stack.read_text(encoding="utf-8")))
    assert "drills" in taken
    for name in taken:
        with pytest.raises(SourceError, match="taken by paths of the API"):
            compiled(tmp_path, f"databases:\n  - {{name: {name}, service: web, tier: 1}}\n")
        assert (
            f"{name}-1" in compiled(tmp_path, f"databases:\n  - {{name: {name}-1, service: web, tier: 1}}\n").databases
        )
