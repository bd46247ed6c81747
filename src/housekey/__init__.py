"""housekey: from http:// to an https:// that browsers and phones in the house accept.

Importing this package costs nothing: the rooms are imported where they are used.
docs/architecture.md says what lies in which room.
"""

__version__ = "0.1.0.dev0"
