"""The network below the verbs: forward, backward, update, predict, and its flat vectors."""
