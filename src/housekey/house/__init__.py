"""The house on disk: files, lock, recovery code, ledger, journal, and what is issued."""
