"""Compares our builds with Flytekit's own Dockerfile, on one BuildKit daemon, in one run. Method: ../README.md."""
