"""A policy's numbers, chosen by recorded outcomes and certified."""
