"""The ceiling: the only place where two apps meet. One file is one use case is one transaction, read top to bottom."""
