"""How long this extension takes, beside its predecessors and the work itself.

``python -m benchmarks --help`` says how to run them; the page "Speed" what they show.
"""
