"""The shell's grammar: from text to one canonical tree, and back to text."""
