"""`make soak`: thousands of jobs of mixed kinds while everything under them is killed, and the proof from the rows."""
