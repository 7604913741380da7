"""Every delicate formula of the package, once: regular coordinates, entire functions and their exact derivatives."""
