"""Stories: what a postmaster sees, does and gets, told by real servers and real commands. `make demo STORY=NAME`; one file each.

Each step is shown with its output, and must come out as told, or the story ends with status 1.
"""
