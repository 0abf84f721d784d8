"""Who may call us, and with what?"""
