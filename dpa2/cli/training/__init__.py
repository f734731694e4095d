"""What `dpa2 train` shows: the page before a training, its course, and the learning curve as a picture."""
