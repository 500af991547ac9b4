"""The floor of the house: knows Django, PostgreSQL and Redis, and no task, budget, card or memory."""
