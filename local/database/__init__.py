"""The PostgreSQL of the demo shop: a server of its own on loopback, with the databases of orders and payments."""
