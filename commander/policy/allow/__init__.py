"""The allow-list: what is certain about a text, and whether an entry covers it."""
