"""A server seen from outside: who answers under a name, and with which chain."""
