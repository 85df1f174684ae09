"""The rules that decide whether a trial is valid. A rule that is broken leaves a record: the finding and the advice."""
