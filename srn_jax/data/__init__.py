"""Photographs: where they come from, how they are cut and coloured, and the pipeline that feeds the step."""
