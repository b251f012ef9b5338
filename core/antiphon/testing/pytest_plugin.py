"""The pytest plugin, installed with antiphon."""
