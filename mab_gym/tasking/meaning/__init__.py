"""Reads resources as clinicians read them: who, what, how much, how fast, which way, when, how often, how firmly.

`read` turns a resource into an `Order`, a value object of statements, each with the element that makes it. The world is
closed: an element that can change the meaning is read, or the order is refused, with the element and the value named.
Elements that cannot change it are listed in `mab_gym.tasking.meaning._elements`, each with its reason.
"""
