"""What the server tells its operator: log records, and the audit of commands.

Nothing here ever raises into the code that logs, and nothing here logs on its own
account through Twisted: a log that fails must not feed itself.
"""
