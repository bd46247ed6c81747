"""All that knows Home Assistant: finding it, signing in, its two ways of configuration, the switch."""
