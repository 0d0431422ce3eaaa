"""What a trained generator is: architecture, arrays and seal; how it is found and loaded; the bundled models."""
