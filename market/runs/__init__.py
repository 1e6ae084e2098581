"""Runs as folders: what is asked, how it is begun, continued, forked, repeated and compared.

Nothing here simulates by itself: who wants a run hands in a function that makes the model around a kernel.
"""
