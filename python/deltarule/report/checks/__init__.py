"""What would make one distrust a result, by code: each check looks at the facts alone."""
