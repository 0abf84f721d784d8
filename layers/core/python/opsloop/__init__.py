"""opsloop: one closed operations loop for a platform team on AWS."""
