"""What each command does, one room per command by its name: `segkit/cli/X` asks, `segkit/jobs/X` does."""
