"""From a picture's file to upright colours of 8 bits, and what the file says besides."""
