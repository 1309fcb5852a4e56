"""From raw observations to telemetry, route state, metrics and causes."""
