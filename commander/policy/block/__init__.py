"""The blocklists: what a text may come to, and whether a list names that."""
