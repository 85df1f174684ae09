"""Starting what is measured and what measures: as processes of this machine, or in containers."""
