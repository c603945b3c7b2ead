"""How the process talks and lives: JSON-RPC on a descriptor, heartbeats, and an end with its parent."""
