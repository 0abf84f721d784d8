"""What did our systems emit?"""
