"""`manage.py drill budget`: many processes spend from the same budgets on servers of their own, while everything around
them breaks; somebody looks on from outside, all the time.

`calendar` and `plan` say what happens when, `house` has the servers and processes, `spender`, `relaying` and `preparing`
are run in processes of their own (`orders` is how they are told), `watch` looks on, `proof` judges, `paper` shows.
"""
