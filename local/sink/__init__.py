"""Where the local cloud's mails and Slack posts end: kept as files, shown as text, sent to nobody."""
