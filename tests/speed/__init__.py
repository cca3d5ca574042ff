"""The suite of benchmarks itself: what decides whether its figures may be believed."""
