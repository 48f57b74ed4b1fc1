"""What a subject is made of, by whoever has a model: nothing here knows what kind it is."""
