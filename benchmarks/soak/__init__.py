"""A mixed load on a real server, and a look at what it holds afterwards.

``python -m benchmarks.soak`` ends with status 1 if anything leaked, if a process of
a command is left, or if an answer was not the right one.
"""
