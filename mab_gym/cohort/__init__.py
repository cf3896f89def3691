"""Synthetic hospitals: people, their charts, and the archives that hold them.

Nothing here is taken from a record. A cohort is generated from a specification, and equal specifications give equal
archives to the byte, on every machine. The frozen cases of the tasks belong to these bytes: tests hold their digests,
and a change of a digest means a new version of the generator and new cases.

A cohort is made in four steps.

1. People (``_people``, ``_names``): names, dates of birth, addresses. Some people are easily taken for others.
2. Histories. A person's conditions, drugs and usual values (``_profiles``, ``_conditions``, ``_medications``,
   ``_measurement``) decide when they meet the hospital (``_encounters``), what is measured then (``_observations``,
   ``_series``), and what cannot be (``_limits``, ``_existence``). Presentations (``_presentations``, ``_current``,
   ``_readings``) fix what a task asks for, so that every branch and every threshold of every task occurs.
3. Rows: one class for each resource type writes columns block by block (``_condition_table``, ``_procedure_table``,
   ``_medication_table``, ``_observation_table``; ``_columns``, ``_elements``).
4. The archive (``_locate``): written once to the user's cache, or to the folder that ``MAB_GYM_CACHE`` names.

``_layered`` lays further records over a finished cohort for the tasks beyond MedAgentBench's ten (``_layer``,
``_layer_kidneys``, ``_layer_results``, ``_layer_orders``, ``_layer_allergies``; ``_history`` reads the charts below).
``_reduced`` keeps the ends of the charts alone, for servers that take long to load.

Figures stand in ``tables``: CSV and TOML files with named columns, and comments that say where they come from (a
guideline, a label, a survey, our estimate, or our choice for balance). ``_data`` reads them.

Randomness comes from numbered streams (``_streams``), so that a change in one part leaves the others alone. The order
of draws within a stream decides the bytes.

The room may import ``mab_gym.fhir`` (the tables of its store, the archive), ``mab_gym.errors`` and
``mab_gym._opening``; it knows nothing of tasks, episodes or agents.

Begin reading with ``_spec``, then ``_generate``; for what tasks rely on, with ``_presentations``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
