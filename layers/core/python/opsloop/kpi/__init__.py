"""How are we doing, per hour and day?"""
