"""Is this unusual?"""
