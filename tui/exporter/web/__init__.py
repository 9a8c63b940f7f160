"""Who may scrape, and by TLS or not: Prometheus's own web configuration file."""
