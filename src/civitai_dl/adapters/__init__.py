"""The outside world, one package for each part of it; they never import each other."""
