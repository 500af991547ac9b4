"""Measurements that anybody can run. Nothing here is a test: figures depend on the machine, ratios less so."""
