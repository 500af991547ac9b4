"""What every HTTP door shares: identity, parsing, transactions, idempotency, problems, pages, schema."""
