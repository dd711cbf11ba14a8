"""Small networks written out: one program for one network, or for many copies of it side by side in lanes."""
