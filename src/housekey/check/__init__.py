"""`housekey check`: what a target presents, and what each platform will do with it."""
