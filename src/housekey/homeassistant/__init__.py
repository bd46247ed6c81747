"""All that knows Home Assistant: finding it, signing in, both ways of configuration, the switch."""
