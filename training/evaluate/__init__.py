"""How the network does on songs it never heard, beside what needs no network."""
