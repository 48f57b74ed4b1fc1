"""What commands share: tables and models opened, targets, what is held out, and what is written."""
