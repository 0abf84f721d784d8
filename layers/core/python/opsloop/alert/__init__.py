"""Who must know, once?"""
