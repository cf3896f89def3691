"""Small published models of the body, one file each: pure functions of a patient, a state, inputs and minutes.

For learning, not for patients: the models give means that their sources print, and leave out most of what a body does.

Each file has the same parts. A `…Patient` holds what does not change, a `…State` all that the future depends on, and
`…Inputs` what is given during a step. `advance` returns the state some minutes later: rates last for the whole step,
single doses (their names end in `_now`) fall at its start. `steady` is the state in which nothing changes, and the rest
are observables. Nothing is random; who wants noise adds a number to an observable. Each constant has its source beside
it; "chosen" marks those that no source gives, with the reason.

The rule of time: cutting a step in two at a whole minute gives the same result; `_steps` says more.
"""

__all__: list[str] = []
