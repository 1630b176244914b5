"""Files that people download; one module a format."""
