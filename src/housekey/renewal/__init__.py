"""What is due when and why, renewing it, and how a renewal reaches the server."""
