"""The console's frame: a Django admin whose every page is rendered inside a transaction bound to one tenant.

Domain rows are shown here, and changed by verbs alone; who may see and do what comes from the roles of the membership.
"""
