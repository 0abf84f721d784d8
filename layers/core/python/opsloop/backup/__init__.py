"""Backup: could we restore, how fast, how much would we lose?"""
