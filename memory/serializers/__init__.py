"""HTTP shapes of memory (/api/docs/). Requests are strict; responses add fields, and never rename one."""
