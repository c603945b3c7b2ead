"""The recipe of the starter model: songs by rule, rendered, mixed, learned from, measured, exported."""
