"""What Describe, status, why and routes show: resources and observation side by side."""
