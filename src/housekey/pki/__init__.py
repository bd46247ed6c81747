"""X.509 with no I/O: names, keys, profiles, issuing, and their encodings.

Nothing in this room reads a clock, a file, a socket or a process: the time, the
bytes and the randomness of keys are all that goes in, and certificates come out.
"""
