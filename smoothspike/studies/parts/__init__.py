"""From a configuration to data, networks, losses and optimisers."""
