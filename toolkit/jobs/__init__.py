"""Generate Jobs and CronJobs that run ``toolkit verify`` in the clusters of zones."""
