"""What RDS answers of instances and of clusters, as it answers: XML, in pages, with states inside of states."""

import boto3
import pytest

from opsloop.adapters.backup_rds import RdsInstances
from opsloop.backup.sources import judge
from opsloop.backup.sources_rds import read_rds
from opsloop.backup.standing import Standing
from opsloop.clock import parse_time

CLUSTERS = """<DescribeDBClustersResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><DescribeDBClustersResult>
<DBClusters><DBCluster><AssociatedRoles><DBClusterRole><Status>PENDING</Status></DBClusterRole></AssociatedRoles>
<AllocatedStorage>1</AllocatedStorage><DBClusterIdentifier>orders</DBClusterIdentifier>
<BackupRetentionPeriod>7</BackupRetentionPeriod><Status>available</Status>
<LatestRestorableTime>2026-11-21T08:27:11.402Z</LatestRestorableTime></DBCluster></DBClusters>
</DescribeDBClustersResult></DescribeDBClustersResponse>"""
SNAPSHOTS = """<DescribeDBClusterSnapshotsResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/">
<DescribeDBClusterSnapshotsResult>{marker}<DBClusterSnapshots><DBClusterSnapshot>
<DBClusterSnapshotIdentifier>{name}</DBClusterSnapshotIdentifier><Status>{status}</Status>
<SnapshotCreateTime>2026-11-2{day}T02:00:00Z</SnapshotCreateTime></DBClusterSnapshot></DBClusterSnapshots>
</DescribeDBClusterSnapshotsResult></DescribeDBClusterSnapshotsResponse>"""
INSTANCE = (
    "<DBInstance><DBInstanceIdentifier>orders-1</DBInstanceIdentifier>"
    "<DBClusterIdentifier>orders</DBClusterIdentifier><DBInstanceStatus>available</DBInstanceStatus>"
    "<BackupRetentionPeriod>7</BackupRetentionPeriod></DBInstance>"
)  # without a LatestRestorableTime: that is the cluster's
NOW = parse_time("2026-11-21T08:30:00Z", name="now")


@pytest.fixture
def answered(monkeypatch):
    """Return the instances of an RDS that answers what is given, one text or several pages per operation."""

    def with_answers(**answers: list[str]) -> RdsInstances:
        found = RdsInstances()
        left = {name: iter(pages) for name, pages in answers.items()}
        monkeypatch.setattr(found._client, "call", lambda operation, _arguments: next(left[operation]))
        return found

    return with_answers


def test_an_instance_of_a_cluster_is_backed_up_as_its_cluster_is(answered):
    pages = [
        SNAPSHOTS.format(marker="<Marker>more</Marker>", name="rds:a", status="available", day=0),
        SNAPSHOTS.format(marker="", name="rds:b", status="available", day=1),
    ]
    rds = answered(DescribeDBInstances=[INSTANCE], DescribeDBClusters=[CLUSTERS], DescribeDBClusterSnapshots=pages)
    document = rds.describe("orders-1")
    assert document["instance"] == {
        "DBInstanceStatus": "available",
        "BackupRetentionPeriod": 7,
        "LatestRestorableTime": "2026-11-21T08:27:11.402Z",
    }
    found = judge("rds", "orders-1", read_rds(document), NOW, NOW)
    assert (found.standing, found.backups, found.bytes) == (Standing.MET, 2, None)
    assert found.archive_until == parse_time("2026-11-21T08:27:11.402Z", name="until")


def test_a_cluster_of_aws_is_asked_for_by_its_instance(aws):
    rds = boto3.client("rds", region_name="us-east-1")
    rds.create_db_cluster(DBClusterIdentifier="orders", Engine="aurora-postgresql", MasterUsername="a",
                          MasterUserPassword="longenough", BackupRetentionPeriod=9)  # fmt: skip
    rds.create_db_instance(DBInstanceIdentifier="orders-1", DBClusterIdentifier="orders",
                           DBInstanceClass="db.t3.medium", Engine="aurora-postgresql")  # fmt: skip
    rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="first", DBClusterIdentifier="orders")
    document = RdsInstances().describe("orders-1")
    assert document["instance"]["BackupRetentionPeriod"] == 9
    assert "first" in {one["DBSnapshotIdentifier"] for one in document["snapshots"]}  # beside an automated one
