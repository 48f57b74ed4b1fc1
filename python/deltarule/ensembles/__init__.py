"""Many networks: trained together, joined in an ensemble, searched among."""
