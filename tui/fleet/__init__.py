"""Many boxes on one screen: what their exporters count, asked of a Prometheus server."""
