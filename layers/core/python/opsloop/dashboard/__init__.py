"""Where do people look?"""
