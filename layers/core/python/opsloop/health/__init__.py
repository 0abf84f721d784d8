"""Does the platform itself work?"""
