"""The mocked AWS that integration tests run on."""


def test_the_mocked_aws_has_what_the_state_stack_makes(aws):
    aws.client("kinesis").put_record(StreamName=aws.names["STREAM_NAME"], Data=b"x", PartitionKey="a")
    assert [record["Data"] for record in aws.records()] == [b"x"]
    tables = set(aws.client("dynamodb").list_tables()["TableNames"])
    assert tables == {name for variable, name in aws.names.items() if variable.endswith("_TABLE")}
    assert {aws.names[f"{word}_TABLE"] for word in ("TELEMETRY", "KPI", "ACCESS", "HEALTH")} <= tables
    assert aws.objects("QUARANTINE_BUCKET") == {}
    from opsloop.adapters.catalog_layer import load_catalog

    assert load_catalog().service("web").tier == 1
