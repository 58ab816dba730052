"""Tests of who pays."""
