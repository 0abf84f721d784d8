"""Attributes that OpenTelemetry renamed: under the old name and under the new one they are the same dimension.

Sources: semantic conventions 1.44.0, the schema file ``schemas/1.44.0`` (every ``rename_attributes`` of http, url, net,
db, messaging and rpc since 1.17); its attribute registry's "Replaced by" where the schema cannot say it, as where a
name split in two; and the migration guides for HTTP (stable since 1.23.0) and databases (stable since 1.33.0).
https://opentelemetry.io/docs/specs/semconv/non-normative/http-migration/
https://opentelemetry.io/docs/specs/semconv/non-normative/db-migration/

Where an old name meant two things, the one of a client span is taken: ``net.peer.name`` is ``server.address``.
"""

from collections.abc import Mapping
from types import MappingProxyType

RENAMED: Mapping[str, str] = MappingProxyType(
    {
        "http.method": "http.request.method",
        "http.status_code": "http.response.status_code",
        "http.scheme": "url.scheme",
        "http.url": "url.full",
        "http.user_agent": "user_agent.original",
        "http.client_ip": "client.address",
        "http.resend_count": "http.request.resend_count",
        "http.request_content_length": "http.request.body.size",
        "http.response_content_length": "http.response.body.size",
        "net.host.name": "server.address",
        "net.host.port": "server.port",
        "http.server_name": "server.address",
        "http.host": "server.address",
        "net.peer.name": "server.address",
        "net.peer.port": "server.port",
        "net.host.ip": "network.local.address",
        "net.sock.host.addr": "network.local.address",
        "net.sock.host.port": "network.local.port",
        "net.peer.ip": "network.peer.address",
        "net.sock.peer.addr": "network.peer.address",
        "net.sock.peer.port": "network.peer.port",
        "net.transport": "network.transport",
        "net.app.protocol.name": "network.protocol.name",
        "net.app.protocol.version": "network.protocol.version",
        "net.protocol.name": "network.protocol.name",
        "net.protocol.version": "network.protocol.version",
        "net.host.connection.type": "network.connection.type",
        "net.host.connection.subtype": "network.connection.subtype",
        "net.host.carrier.name": "network.carrier.name",
        "net.host.carrier.mcc": "network.carrier.mcc",
        "net.host.carrier.mnc": "network.carrier.mnc",
        "net.host.carrier.icc": "network.carrier.icc",
        "db.system": "db.system.name",
        "db.name": "db.namespace",
        "db.redis.database_index": "db.namespace",
        "db.elasticsearch.cluster.name": "db.namespace",
        "db.operation": "db.operation.name",
        "db.statement": "db.query.text",
        "db.sql.table": "db.collection.name",
        "db.mongodb.collection": "db.collection.name",
        "db.cosmosdb.container": "db.collection.name",
        "db.cassandra.table": "db.collection.name",
        "db.client.connections.state": "db.client.connection.state",
        "db.client.connections.pool.name": "db.client.connection.pool.name",
        "messaging.destination": "messaging.destination.name",
        "messaging.temp_destination": "messaging.destination.temporary",
        "messaging.kafka.destination.partition": "messaging.destination.partition.id",
        "messaging.servicebus.destination.subscription_name": "messaging.destination.subscription.name",
        "messaging.operation": "messaging.operation.type",
        "messaging.kafka.consumer.group": "messaging.consumer.group.name",
        "messaging.rocketmq.client_group": "messaging.consumer.group.name",
        "messaging.eventhubs.consumer.group": "messaging.consumer.group.name",
        "messaging.client_id": "messaging.client.id",
        "messaging.kafka.client_id": "messaging.client.id",
        "messaging.rocketmq.client_id": "messaging.client.id",
        "messaging.protocol": "network.protocol.name",
        "messaging.protocol_version": "network.protocol.version",
        "messaging.kafka.message.offset": "messaging.kafka.offset",
        "messaging.message.payload_size_bytes": "messaging.message.body.size",
        "rpc.system": "rpc.system.name",
        "rpc.connect_rpc.error_code": "rpc.response.status_code",
        "rpc.jsonrpc.request_id": "jsonrpc.request.id",
        "rpc.jsonrpc.version": "jsonrpc.protocol.version",
        "message.type": "rpc.message.type",
        "peer.service": "service.peer.name",
        "deployment.environment": "deployment.environment.name",
    }
)
"""Old name -> new name. Of several old names for one, the first here wins where an item has more than one."""

HTTP_STATUS = "http.response.status_code"


def new_name(name: str) -> str:
    """Return what an attribute is called now."""
    return RENAMED.get(name, name)


def names_of(name: str) -> tuple[str, ...]:
    """Return all names of an attribute, given by any of them: the new one, then the old ones, best first."""
    new = new_name(name)
    return (new, *_OLD_NAMES.get(new, ()))


_OLD_NAMES: dict[str, tuple[str, ...]] = {}
for _old, _new in RENAMED.items():
    _OLD_NAMES[_new] = (*_OLD_NAMES.get(_new, ()), _old)
