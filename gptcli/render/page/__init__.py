"""The page: one HTML file to explore the network with, which needs nothing but a browser."""
