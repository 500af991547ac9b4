"""What `manage.py chimera` shows and does: one file a subcommand. All of it runs as the application's role, for one tenant."""
