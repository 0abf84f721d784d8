"""A real OpenSearch on loopback, made of artifacts of Maven Central: for tests, and for `make run SEARCH=opensearch`."""
