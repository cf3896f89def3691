"""The course of a stay: changes in the hospital while time passes. The models of the body lie in `physiology`.

The room knows neither records nor tasks: it computes with numbers in clinical units, and imports nothing of this
package but its errors.
"""

__all__: list[str] = []
