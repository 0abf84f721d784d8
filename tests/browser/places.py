"""Where the tests and the pictures go: every page of the console, with something to see on it."""

PLACES = {
    "overview": "/",
    "services": "/services",
}
