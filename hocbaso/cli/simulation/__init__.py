"""``flask demo simulate``: a whole school year of a made-up school, driven over HTTP under a clock of its own.

``world`` founds the school, ``machine`` runs its server as a process that can lose its power, ``browser`` is what a person holds in
the hand, ``roles`` is what people do, ``year`` when they do it, ``judgement`` whether the promises were kept. Only ``server_entry``
runs inside the server's process.
"""
