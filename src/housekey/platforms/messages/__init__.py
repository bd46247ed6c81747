"""What the platforms say when something is wrong, and what is the matter then.

A message is a record: who says it, in which words, and which matter it tells of. A matter is a
record too: what it means, the likely causes, and what mends it. `explain.py` finds the messages
in a text; it knows none of them by itself.
"""
