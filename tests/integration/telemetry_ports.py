"""What the simulation's functions see of a world's streams and of what it set aside."""

from hashlib import sha256
from typing import TYPE_CHECKING

from opsloop.telemetry.fault import UNSUPPORTED_FORMAT
from opsloop.telemetry.quarantined import Listed, Quarantined
from tests.integration.telemetry_history import Life, Shard

if TYPE_CHECKING:
    from tests.integration.telemetry_simulation import World


class Identity:
    """``StreamIdentity`` of one of the world's streams."""

    def __init__(self, world: "World", name: str) -> None:
        self.world, self.name = world, name

    def created_s(self) -> int:
        return self.world.read(lambda: self._life().created_s)

    def parents(self) -> dict[str, tuple[str, ...]]:
        """Return the shards that were there from the beginning, or have been read: the others are yet to come."""
        return self.world.read(
            lambda: {name: shard.parents for name, shard in self._life().shards.items() if self._is_there(name, shard)}
        )

    def _is_there(self, name: str, shard: Shard) -> bool:
        return not shard.parents or (self.name, self.world.current[self.name], name) in self.world.visible

    def _life(self) -> Life:
        return self.world.streams[self.name][self.world.current[self.name]]


class Shelf:
    """``QuarantineShelf`` over what the world set aside."""

    def __init__(self, world: "World") -> None:
        self.world = world

    def find(self, key: str) -> Quarantined:
        return self.world.read(lambda: self._find(key)[1])

    def body(self, key: str) -> bytes:
        return self.world.read(lambda: self._find(key)[0])

    def _find(self, key: str) -> tuple[bytes, Quarantined]:
        (body,) = (body for body in self.world.shelf if key.endswith(sha256(body).hexdigest()))
        arrived_at = self.world.shelf[body]
        return body, Quarantined(Listed(key, len(body), arrived_at), arrived_at, "garbled", UNSUPPORTED_FORMAT, {})
