"""The same networks, losses and steps in PyTorch, written as its users would: what ours are measured against."""
