"""How good commander is, measured against what the machine or a rival can do.

``python -m benchmarks`` runs them, ``python -m benchmarks.report`` fills the table
of ``docs/performance.md``, ``python -m benchmarks.soak`` looks for leaks.

Absolute figures say as much about the machine as about the program. So every figure
that is judged is a ratio to a limit or a rival, or a difference from it, that was
measured in the same run: in each round all sides have their turn, and every other
round goes in the opposite order, so that a machine that becomes slower or faster
treats all alike. The median of the rounds is judged; the spread stands beside it.
"""
