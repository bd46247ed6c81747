"""What is due when, and how a renewal reaches the server."""
