"""The floor under the five rooms: errors for people, safe files, places, seeds, command lines.

Every room may import it; it imports no room. It knows nothing of networks, banks or trials.
"""
