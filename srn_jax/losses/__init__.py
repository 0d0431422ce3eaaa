"""The losses: functions from arrays to a scalar (or weights), which know no model, setting or log."""
