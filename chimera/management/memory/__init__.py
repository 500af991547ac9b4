"""The words of `manage.py memory`, a file for each: `add(words)` makes its parser, `run(options, say)` does it.

`run` answers the status that the command ends with.
"""
