"""Starting, watching and ending commands.

``runner`` is the way in: it asks the policy, waits for a slot (``admission``),
starts the process (``executor``) and writes the audit. One ``lifecycle`` machine
per command owns its deadline and its kill.
"""
