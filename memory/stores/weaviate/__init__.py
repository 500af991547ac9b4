"""Weaviate behind the port: an index of what PostgreSQL has, which may lag, lie or be lost."""
