"""The blind user study (the paper's Table 2): which of two completed pictures is more realistic, asked of people."""
