"""What `manage.py doctor` looks at besides the jobs: storage, mail and settings."""
