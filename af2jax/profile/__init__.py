"""What a program costs: memory before it runs, time, work, and DeepMind's code beside it."""
