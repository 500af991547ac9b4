"""How people come in: password, second factor, invitations, and what is kept of attempts.

The pages stand below /admin/, outside any tenant's transaction: whoever is at the door may have several tenants, or none.
"""
