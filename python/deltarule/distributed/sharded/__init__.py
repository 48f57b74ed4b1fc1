"""One training whose batches are cut into shards, which the ranks share."""
