"""A server: seen from outside, who answers under a name with which chain; and led from inside,
another certificate while it runs."""
