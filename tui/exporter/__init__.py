"""The headless exporter: what is counted, as Prometheus scrapes it."""
