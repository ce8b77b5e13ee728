"""Super-resolution of crops. The only room that runs a torch network on a picture."""
