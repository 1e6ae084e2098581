"""Whether the policies of the library do what they say, over paired seeds."""
