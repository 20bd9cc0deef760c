"""What ``cascade tune`` is made of: ``knobs`` are found in a policy, ``trials`` try their values on traffic, ``choosing`` takes one."""
