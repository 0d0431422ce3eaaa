"""The paper's tables and figures by one command: rows, their runs, one judgement of all, one page."""
