"""Other libraries' models: what is read becomes a blueprint, never a network."""
