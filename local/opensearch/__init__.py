"""A real OpenSearch on loopback, made of parts from Maven Central: for tests, and for `make run SEARCH=opensearch`."""
