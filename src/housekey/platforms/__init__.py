"""What each platform accepts from a root that its user added: rules as data, and verdicts.

Nothing here touches a file, a clock, a socket or a process: bytes, names and the time are
handed in. A certificate that cannot be read never raises: that is a finding of its own.
"""
