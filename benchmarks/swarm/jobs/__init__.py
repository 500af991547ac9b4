"""The no-op job as each queue writes it: who enqueues it, and the one process that works on it.

Each module is run as a process, the others' with the Python of their own venv: `python -m benchmarks.swarm.jobs.NAME
produce` (or `work`). None of them imports Django or anything of Chimera's server. BENCH_URL is the broker or database,
BENCH_STAMPS the file of the stamps.
"""
