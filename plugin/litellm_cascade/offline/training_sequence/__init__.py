"""What ``cascade train sequence`` is made of: ``examples`` are read and parted, ``training`` trains, ``report`` says how good it is."""
