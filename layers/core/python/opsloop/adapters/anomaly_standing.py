"""How far the detector is, and what it cannot judge: two attributes of its item, without what it remembers."""

from binascii import a2b_base64

from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.anomaly.page import Judged
from opsloop.anomaly.saved import unpack_unknown
from opsloop.errors import DependencyUnavailableError

PLACE = {"pk": {"S": "detector"}, "sk": {"S": "state"}}


class StandingTable:
    """Reads the item that the detector writes."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._client = JsonClient(DYNAMODB)

    def read(self) -> Judged | None:
        """Return how far the detector is, None if it never ran; raise ``DependencyUnavailableError``."""
        request = {
            "TableName": self._table,
            "Key": PLACE,
            "ProjectionExpression": "judged_to, #unknown",
            "ExpressionAttributeNames": {"#unknown": "unknown"},
        }
        try:
            item = self._client.call("GetItem", request).get("Item")
        except AwsError as error:
            raise DependencyUnavailableError(f"anomaly table: {error.code}") from error
        if not item:
            return None
        return Judged(int(item["judged_to"]["N"]), unpack_unknown(a2b_base64(item["unknown"]["B"])))
