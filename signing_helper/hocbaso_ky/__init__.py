"""The signing helper: lets a page of the school's server use the token plugged into this computer, after asking its user.

It listens on the loopback address only, answers only the schools that its user has paired, shows on its own window what is to be
signed, and asks for the PIN itself: neither the page nor the server ever sees it.
"""

VERSION = "0.3.0"
PROTOCOL = 3
"""3: what is signed is told in texts that the school's own key has signed; before, the page told it. 2: one agreement for a whole school."""
PORT = 18617
"""Where the school's pages look for it. They have no way to ask, so it never changes."""
