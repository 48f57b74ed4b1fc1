"""What a user hands in: opened, checked at one door, and put in an order."""
