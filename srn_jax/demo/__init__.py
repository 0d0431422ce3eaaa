"""A page on this machine where a photograph is dropped and its surroundings are painted."""
