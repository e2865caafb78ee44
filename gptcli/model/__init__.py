"""The network in torch: the only package that imports it. Import its modules inside the functions that run them."""
