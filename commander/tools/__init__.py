"""The tools that clients see: names, arguments, results.

``registry`` holds them; each tool is one class with its arguments and its result as
attrs classes, from which the published JSON schemas are made.
"""
