"""What stands for a container: the program of an image, its ``/opt/ml``, its hosts, and what travels in and out."""
