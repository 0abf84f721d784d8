"""The mocked AWS that integration tests run on."""


def test_the_mocked_aws_has_what_the_state_stack_makes(aws):
    aws.client("kinesis").put_record(StreamName=aws.names["STREAM_NAME"], Data=b"x", PartitionKey="a")
    assert [record["Data"] for record in aws.records()] == [b"x"]
    assert len(aws.client("dynamodb").list_tables()["TableNames"]) == 4
    assert aws.objects("QUARANTINE_BUCKET") == {}
    from opsloop.adapters.catalog_layer import load_catalog

    assert load_catalog().service("web").tier == 1
