"""What a person sets once, in a file: read, checked, and told what is wrong with it."""
