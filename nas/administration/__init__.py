"""Looks after studies: lists, renames, deletes and checks them."""
