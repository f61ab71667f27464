"""Edits of a user's settings as the smallest change of their text: comments, order and layout stay.

Every format is a `Format`: one function reads a text as data, one changes one place of it. What a change made
of a text is read again and compared with what the data should be now, so a layout that an editor does not
understand is refused and never damaged.
"""
