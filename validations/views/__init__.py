"""Pages of runs: sending files, the list, one run and what was found in it."""
