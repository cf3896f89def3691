"""All stories of a person: which facts stand in the notes alone."""

from __future__ import annotations

from mab_gym.cohort.hospital._history import Staff
from mab_gym.cohort.hospital.notes._past import Past
from mab_gym.cohort.hospital.notes._phrases import Draw
from mab_gym.cohort.hospital.notes._stories import Stories
from mab_gym.cohort.hospital.notes._stories_drugs import allergies, drugs, over_the_counter
from mab_gym.cohort.hospital.notes._stories_elsewhere import elsewhere
from mab_gym.cohort.hospital.notes._stories_home import home
from mab_gym.cohort.hospital.notes._stories_wishes import agreed, wishes


def draw_stories(staff: Staff, past: Past, draw: Draw) -> Stories:
    """Draws the facts of a person that stand in notes alone.

    Args:
        staff: The hospital, with the places around it.
        past: The person's history.
        draw: Decides.
    """
    stories = Stories(staff, past, draw)
    if not past.history.visits:
        return stories
    for part in (drugs, over_the_counter, allergies, elsewhere, home):
        part(stories)
    if stories.age >= 18:
        wishes(stories)
        agreed(stories)
    return stories
