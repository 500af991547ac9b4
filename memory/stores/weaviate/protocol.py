"""The messages of Weaviate's protocol, out of its client library. Importing them takes a second: only whoever talks to it does."""

import warnings

with warnings.catch_warnings(record=True):  # a package that the library brings along announces its own next version
    from weaviate.proto.v1 import (
        base_pb2,
        base_search_pb2,
        batch_delete_pb2,
        batch_pb2,
        search_get_pb2,
        weaviate_pb2_grpc,
    )

__all__ = ["base_pb2", "base_search_pb2", "batch_delete_pb2", "batch_pb2", "search_get_pb2", "weaviate_pb2_grpc"]
