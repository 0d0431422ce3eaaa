"""From the authors' TensorFlow-1 checkpoints to ours."""
