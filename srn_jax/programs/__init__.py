"""What all programs share: how they start, are compiled and kept, and end; and files that are whole or not there."""
