"""Tests of single families of the emergency department."""
