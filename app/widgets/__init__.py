"""What several pages draw with: cards, panels, hits, progress of jobs."""
