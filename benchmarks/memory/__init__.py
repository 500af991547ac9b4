"""Memory among very many: `make bench-memory`."""
