"""Workloads as observers of clusters read them: their images, how far a rollout is, who wrote an image. Pure; no adapter itself."""
