"""Training: epochs of runs of steps, and what they are judged by."""
