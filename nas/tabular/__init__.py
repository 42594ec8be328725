"""Tables that replay a search: samplers compared without training anything."""
