"""How messages leave the house: signed posts to webhooks, and e-mail. Nothing here reads or writes rows."""
