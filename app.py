"""Entry point for ``flask`` and for the server: wires nothing itself."""

from hocbaso.factory import create_app

app = create_app()
