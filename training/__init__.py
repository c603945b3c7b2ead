"""How the starter model is made: songs composed by rule, rendered, and a network trained on them."""
