"""Makes the local cluster: tools, images, node image, kind. It never touches what the product installs."""
