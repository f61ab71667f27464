"""The dashboard: what goes on now, what went where and why, and who spent what, as plain pages.

Server-rendered and readable without a script; nothing comes from another host. Only an admin key
logs in, and while no key exists, the person at this machine may look without one.
"""
