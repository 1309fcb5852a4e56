"""What landbridge talks about: ids, prefixes, resources, lifecycles and errors, without any I/O."""
