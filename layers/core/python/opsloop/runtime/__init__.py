"""What every handler needs: settings, HTTP, authentication, metrics."""
