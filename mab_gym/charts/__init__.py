"""One patient's chart as people read it: in the terminal, and as a page with plots."""
