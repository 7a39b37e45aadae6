"""What may run: the decision, and nothing but the decision.

``checker.PolicyChecker`` is the whole of it for other layers. Below it, ``shell`` reads
a text into a tree and writes it anew, ``allow`` holds the tree against the allow-list,
``block`` against the blocklists, and ``programs`` is what is known of programs.

Everything here is pure: no input or output, no clock, no Twisted. It is a guard rail
for agents that mean well; it does not contain a program that means ill, the operating
system does.
"""
