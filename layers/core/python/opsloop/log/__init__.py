"""What did they say, line by line?"""
