"""The bucket counts for more than the records: versions that were replaced, and objects that have just come."""

from opsloop.backup.model import Reason, Verdict
from opsloop.backup.prune import Pruner
from opsloop.backup.retention import Plan, Rule
from opsloop.catalog import RetentionClass
from opsloop.dataclass import replace
from tests.unit.backup.test_prune import NOW, SHELF, WEEK, World, dump, run
from tests.unit.backup.test_retention import database

ONE = RetentionClass("one", "full", mode="enforce", keep=1, minimum=1)


def plan_of(world: World, chosen: RetentionClass) -> Plan:
    return Pruner(world, world, world).plan(database(), chosen, NOW)


def test_a_proof_of_a_version_that_was_replaced_since_lets_nothing_go():
    world = World([dump("a", 30), dump("b", 20), dump("latest", 1)])
    world.objects["dumps/orders/latest"] = "the next one, which nobody has restored yet"
    run(world, chosen=ONE)
    assert world.objects.keys() == {"dumps/orders/b", "dumps/orders/latest"}
    assert world.dumps["orders/latest"].verdict is Verdict.PROVEN  # its own arrival will say what it is now


def test_a_replaced_version_that_was_no_use_does_not_make_the_next_one_useless():
    cut = dump("latest", 30, verdict=Verdict.FAILED, reason=Reason.TRUNCATED, proven_at=None)
    cut = replace(cut, verified_at=cut.taken_at)
    world = World([dump("a", 40), cut])
    assert [one.rules for one in plan_of(world, WEEK).delete] == [(Rule.USELESS,)]
    world.objects["dumps/orders/latest"] = "the next one"
    assert plan_of(world, WEEK).delete == ()


def test_a_dump_that_came_while_the_bucket_was_listed_is_not_gone():
    world = World([dump("a", 3), dump("new", 0)])
    listed = world.there

    def earlier(name: str) -> dict[str, str]:
        return {key: version for key, version in listed(name).items() if key != "dumps/orders/new"}

    world.there = earlier  # type: ignore[method-assign]
    found = plan_of(world, WEEK)
    assert world.dumps["orders/new"].deleted_at is None
    assert [one.copy.copy_id for one in found.keep] == ["orders/a", "orders/new"]
    del world.objects["dumps/orders/new"]
    plan_of(world, WEEK)
    assert world.dumps["orders/new"].deleted_at == NOW


def test_what_somebody_brought_back_by_hand_is_there_again_and_held():
    world = World(SHELF)
    run(world)
    gone = world.dumps["orders/a"]
    assert gone.deleted_at == NOW
    world.objects[gone.key] = gone.version  # its delete marker was taken away, of which S3 tells nobody
    world.objects["dumps/orders/b"] = "another version, whose arrival will be told"
    run(world, days=1)
    back = world.dumps["orders/a"]
    assert (back.deleted_at, back.deleted_why, back.legal_hold, back.verdict) == (None, "", True, Verdict.PROVEN)
    assert gone.key in world.objects
    assert world.dumps["orders/b"].deleted_at == NOW
    assert world.hidden.count(gone.key) == 1


def test_what_was_deleted_while_the_bucket_was_listed_is_not_back():
    world = World(SHELF)
    before = world.there("orders")
    run(world)
    world.there = lambda _name: before  # type: ignore[method-assign]
    plan_of(world, WEEK)
    assert {name for name, one in world.dumps.items() if one.deleted_at} == {f"orders/{name}" for name in "abc"}
