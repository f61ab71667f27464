"""The dashboard: live requests, decisions, policies, teams and budgets as server-rendered pages.

Pages work without scripts and load nothing from other hosts. Logging in takes an admin key. While
no key exists, the person at this machine needs none.
"""
