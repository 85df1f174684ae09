"""What makes a trial's number count. Every rule that speaks leaves a record: what it saw, and what to do."""
