"""The service: searches of several users by HTTP, with a queue, tokens and a page."""
