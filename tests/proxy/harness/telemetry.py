"""The environment in which LiteLLM's ``otel`` callback exports over HTTP at once."""


def otel_to(endpoint):
    """Without OTEL_EXPORTER LiteLLM would infer OTLP over HTTP from the endpoint; said here so that it does not depend on that."""
    return {"OTEL_EXPORTER": "otlp_http", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
