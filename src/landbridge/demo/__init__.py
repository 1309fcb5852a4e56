"""The demo: builds a hybrid environment through the public APIs and proves each promise with real packets."""
