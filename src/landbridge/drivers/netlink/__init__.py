"""Namespaces, links, addresses, routes and rules over rtnetlink: pyroute2 encodes requests, answers we decode."""
