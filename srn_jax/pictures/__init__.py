"""Picture files: from a file to upright colours of 8 bits and what it says besides, and back into one, whole."""
