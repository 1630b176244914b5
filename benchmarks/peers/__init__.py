"""Celery and Procrastinate, set up as their manuals say, in an environment of their own (requirements/peers.txt)."""
