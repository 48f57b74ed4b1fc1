"""How each kind of column becomes numbers: what is learned of it, and how it is told and kept."""
