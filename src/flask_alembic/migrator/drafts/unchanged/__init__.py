"""Tables that are surely as their models say: nothing else has to look at them."""
